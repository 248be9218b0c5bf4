//! `FollowRedirect` of tower-http on either side of the layer.

use throughline::http::NoPropagate;
use tower::{Layer, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;
use tower_http::follow_redirect::policy::{FilterCredentials, PolicyExt, Standard};

use super::*;

#[tokio::test]
async fn outside_the_layer_each_hop_has_a_span_and_headers_of_its_own() {
    let spans = CheckedSpans::new();
    let client = FollowRedirectLayer::new().layer(client_layer(&spans).layer(plain_client()));
    let near = origin("/").await;
    let response = client.oneshot(request("GET", near, "/here")).await.unwrap();
    let told = text(response.into_body()).await;
    let hops = finished(&spans, 2).await;
    assert_eq!(hops[0].attribute("http.response.status_code"), Some("302"));
    assert!(told.contains(&hops[1].span_id), "{told}");
    assert_ne!(hops[0].span_id, hops[1].span_id);
}

#[tokio::test]
async fn tr_3_outside_the_layer_a_redirect_to_no_target_loses_the_headers() {
    let spans = CheckedSpans::new();
    let far = origin("/").await;
    let near = origin(&format!("http://{far}/parent")).await;
    let layer = client_layer(&spans).targets(only(near));
    let client = FollowRedirectLayer::new().layer(layer.layer(plain_client()));
    let response = client.clone().oneshot(request("GET", near, "/away")).await.unwrap();
    assert_eq!(text(response.into_body()).await, "none");
    let response = client.oneshot(request("GET", near, "/here")).await.unwrap();
    assert_ne!(text(response.into_body()).await, "none", "the same origin is a target");
    assert_eq!(finished(&spans, 4).await.len(), 4, "every hop has its span");
}

#[tokio::test]
async fn inside_the_layer_all_hops_are_one_span_and_the_headers_go_along() {
    let spans = CheckedSpans::new();
    let far = origin("/").await;
    let near = origin(&format!("http://{far}/parent")).await;
    let redirecting = FollowRedirectLayer::new().layer(plain_client());
    let client = client_layer(&spans).targets(only(near)).layer(redirecting);
    let response = client.oneshot(request("GET", near, "/away")).await.unwrap();
    let told = text(response.into_body()).await;
    let span = finished(&spans, 1).await.remove(0);
    // What is inside of a layer is out of its sight. The docs of `ClientLayer` say where to put it.
    assert!(told.contains(&span.span_id), "{told}");
    assert_eq!(span.attribute("http.response.status_code"), Some("200"));
}

#[tokio::test]
async fn an_opt_out_reaches_another_origin_if_the_policy_keeps_it() {
    let spans = CheckedSpans::new();
    let far = origin("/").await;
    let near = origin(&format!("http://{far}/parent")).await;
    let traced = client_layer(&spans).layer(plain_client());
    let keeps = FilterCredentials::new().allow_extension::<NoPropagate>();
    let keeping = FollowRedirectLayer::with_policy(PolicyExt::and::<_, (), ()>(
        tower_http::follow_redirect::policy::Limited::default(),
        keeps,
    ))
    .layer(traced.clone());
    let quiet = |path| {
        let mut quiet = request("GET", near, path);
        quiet.extensions_mut().insert(NoPropagate);
        quiet
    };
    let response = keeping.oneshot(quiet("/away")).await.unwrap();
    assert_eq!(text(response.into_body()).await, "none");
    let usual = FollowRedirectLayer::with_policy(Standard::default()).layer(traced);
    let response = usual.clone().oneshot(quiet("/here")).await.unwrap();
    assert_eq!(text(response.into_body()).await, "none");
    let response = usual.oneshot(quiet("/away")).await.unwrap();
    assert_ne!(text(response.into_body()).await, "none", "tower-http drops it by default");
}
