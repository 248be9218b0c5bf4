//! reqwest, by its own builder and as a service.

use ::http::{Request, Response};
use reqwest::redirect::Policy;
use reqwest::{Body, Client};
use throughline::http::{NoPropagate, RequestBuilderExt, SpanEnd, UrlTemplate};
use tower::{Layer, ServiceBuilder, ServiceExt};
use tower_http::follow_redirect::FollowRedirectLayer;

use super::*;

fn client(redirects: Policy) -> Client {
    Client::builder().no_proxy().redirect(redirects).build().unwrap()
}

#[tokio::test]
async fn a_request_is_traced_by_one_line() {
    let spans = CheckedSpans::new();
    let address = origin("/").await;
    let layer = client_layer(&spans);
    let request = client(Policy::none())
        .get(format!("http://{address}/parent?token=secret"))
        .header("traceparent", "stale");
    let response = request.traced(&layer).with(UrlTemplate("/{what}")).send().await.unwrap();
    let told = response.text().await.unwrap();
    let span = finished(&spans, 1).await.remove(0);
    assert!(told.contains(&span.span_id), "{told}");
    assert_eq!(span.name, "GET /{what}");
    let url = format!("http://{address}/parent?REDACTED");
    assert_eq!(span.attribute("url.full"), Some(&*url));
    assert_eq!(span.attribute("http.response.status_code"), Some("200"));
}

#[tokio::test]
async fn an_opt_out_is_heard() {
    let spans = CheckedSpans::new();
    let request = client(Policy::none()).get(format!("http://{}/parent", origin("/").await));
    let request = request.traced(&client_layer(&spans)).with(NoPropagate);
    assert_eq!(request.send().await.unwrap().text().await.unwrap(), "none");
    assert_eq!(finished(&spans, 1).await.len(), 1);
}

#[tokio::test]
async fn a_client_is_a_service_with_the_layer_around_it() {
    let spans = CheckedSpans::new();
    let plain = client(Policy::none());
    let request = plain.get(format!("http://{}/parent", origin("/").await)).build().unwrap();
    let response = client_layer(&spans).layer(plain).oneshot(request).await.unwrap();
    let told = response.text().await.unwrap();
    assert!(told.contains(&finished(&spans, 1).await[0].span_id), "{told}");
}

#[tokio::test]
async fn a_span_lasts_until_the_body_ends_if_asked_to_and_the_address_stays() {
    let spans = CheckedSpans::new();
    let url = format!("http://{}/parent", origin("/").await);
    let layer = client_layer(&spans).span_end(SpanEnd::BodyEnd);
    let response = client(Policy::none()).get(&url).traced(&layer).send().await.unwrap();
    assert!(spans.finished().is_empty(), "the body is not read");
    assert_eq!(response.url().as_str(), url);
    assert!(response.remote_addr().is_some());
    let told = response.text().await.unwrap();
    let span = finished(&spans, 1).await.remove(0);
    assert!(told.contains(&span.span_id) && !span.is_error(), "{told}");
}

#[tokio::test]
async fn a_failed_call_names_the_type_of_its_error_and_a_bad_address_is_none() {
    let spans = CheckedSpans::new();
    let layer = client_layer(&spans);
    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let send = |url: String| client(Policy::none()).get(url).traced(&layer).send();
    assert!(send(format!("http://{closed}/")).await.unwrap_err().is_connect());
    let span = finished(&spans, 1).await.remove(0);
    assert_eq!(span.attribute("error.type"), Some("reqwest::error::Error"));
    for bad in ["no address", "http://", "data:text/plain,x"] {
        assert!(send(bad.to_owned()).await.unwrap_err().is_builder(), "{bad}");
    }
}

#[tokio::test]
async fn tr_3_redirects_to_no_target_are_not_followed_with_the_layers_policy() {
    let spans = CheckedSpans::new();
    let far = origin("/").await;
    let near = origin(&format!("http://{far}/parent")).await;
    let layer = client_layer(&spans).targets(only(near));
    let send =
        |policy, path| client(policy).get(format!("http://{near}{path}")).traced(&layer).send();
    let response = send(layer.redirect_policy(), "/away").await.unwrap();
    assert_eq!((response.status().as_u16(), response.url().path()), (302, "/away"));
    let response = send(layer.redirect_policy(), "/here").await.unwrap();
    assert_ne!(response.text().await.unwrap(), "none", "the same origin is a target");
    // What the policy is there for: reqwest alone takes the headers along.
    let response = send(Policy::default(), "/away").await.unwrap();
    assert_ne!(response.text().await.unwrap(), "none");
}

#[tokio::test]
async fn tr_3_with_redirects_outside_the_layer_each_hop_has_headers_of_its_own() {
    let spans = CheckedSpans::new();
    let far = origin("/").await;
    let near = origin(&format!("http://{far}/parent")).await;
    let client = ServiceBuilder::new()
        .layer(FollowRedirectLayer::new())
        .layer(client_layer(&spans).targets(only(near)))
        .map_request(|request: Request<Body>| reqwest::Request::try_from(request).unwrap())
        .map_response(Response::<Body>::from)
        .service(client(Policy::none()));
    let request = Request::get(format!("http://{near}/away")).body(Body::default()).unwrap();
    let response = client.oneshot(request).await.unwrap();
    assert_eq!(text(response.into_body()).await, "none");
    assert_eq!(finished(&spans, 2).await.len(), 2);
}
