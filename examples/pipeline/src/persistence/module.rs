//! The module with which the page reads contexts and makes spans: the files of `js/` at the top of the
//! repository, inside of this program, so that it runs from anywhere.

/// Where each file is served, and its text.
pub(super) const FILES: [(&str, &str); 12] = [
    ("/throughline/context.js", include_str!("../../../../js/context.js")),
    ("/throughline/envelope.js", include_str!("../../../../js/envelope.js")),
    ("/throughline/exporter.js", include_str!("../../../../js/exporter.js")),
    ("/throughline/fields.js", include_str!("../../../../js/fields.js")),
    ("/throughline/frame.js", include_str!("../../../../js/frame.js")),
    ("/throughline/handshake.js", include_str!("../../../../js/handshake.js")),
    ("/throughline/limits.js", include_str!("../../../../js/limits.js")),
    ("/throughline/payload.js", include_str!("../../../../js/payload.js")),
    ("/throughline/places.js", include_str!("../../../../js/places.js")),
    ("/throughline/socket.js", include_str!("../../../../js/socket.js")),
    ("/throughline/spans.js", include_str!("../../../../js/spans.js")),
    ("/throughline/throughline.js", include_str!("../../../../js/throughline.js")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_that_a_file_imports_is_served() {
        let served =
            |name: &str| FILES.iter().any(|(path, _)| *path == format!("/throughline/{name}"));
        let mut imports = 0;
        for (path, text) in FILES {
            for import in text.lines().filter_map(|line| line.split_once("from \"./")) {
                let name = import.1.trim_end_matches("\";");
                assert!(served(name), "{path} imports {name}");
                imports += 1;
            }
        }
        assert!(imports >= FILES.len());
        let page = include_str!("../../web/page.js");
        assert!(page.contains("\"./throughline/throughline.js\"") && served("throughline.js"));
    }
}
