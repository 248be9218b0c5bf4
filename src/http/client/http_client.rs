use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_http::{HttpClient, HttpError, Request, Response};

use super::ClientService;
use super::future::Call;

/// A client of OpenTelemetry's exporters and samplers, with the layer around it. An exporter's own
/// calls are suppressed, so they make no spans: by OpenTelemetry's batch processors and its periodic
/// reader, but not by its simple span processor.
impl<C: HttpClient> HttpClient for ClientService<C> {
    fn send_bytes<'client, 'call>(
        &'client self,
        mut request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'call>>
    where
        'client: 'call,
        Self: 'call,
    {
        let mut exchange = self.config.begin(&mut request);
        let inner = self.config.call(&mut exchange, || self.inner.send_bytes(request));
        let mut call = Call::new(inner, exchange, Arc::clone(&self.config));
        // The whole body is there with the headers, so that both are the same end.
        Box::pin(poll_fn(move |task| {
            Pin::new(&mut call).poll_headers(task).map(|(result, _)| result)
        }))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry::Context;
    use tower::Layer;

    use super::*;
    use crate::http::ClientLayer;
    use crate::otel::recorded::Recorded;

    /// Answers with the trace header that it was sent.
    #[derive(Debug)]
    struct Echo;

    impl HttpClient for Echo {
        fn send_bytes<'client, 'call>(
            &'client self,
            request: Request<Bytes>,
        ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'call>>
        where
            'client: 'call,
            Self: 'call,
        {
            let sent = request.headers().get("traceparent");
            let body =
                Bytes::copy_from_slice(sent.map(|value| value.as_bytes()).unwrap_or(b"none"));
            Box::pin(async { Ok(Response::new(body)) })
        }
    }

    async fn sent(recorded: &Recorded) -> String {
        let client = ClientLayer::new().tracer_provider(recorded.provider()).layer(Echo);
        let request = Request::post("http://collector/v1/traces").body(Bytes::new()).unwrap();
        let body = client.send_bytes(request).await.unwrap().into_body();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_call_has_a_span_and_carries_it() {
        let recorded = Recorded::default();
        let sent = sent(&recorded).await;
        assert!(sent.contains(&recorded.one().span_context.span_id().to_string()), "{sent}");
    }

    #[tokio::test]
    async fn an_exporters_own_call_has_none() {
        let recorded = Recorded::default();
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        assert_eq!(sent(&recorded).await, "none");
    }
}
