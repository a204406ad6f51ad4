//! Plain HTTP pages: probes for the kubelet, metrics for Prometheus.
//!
//! Nothing secret is served here and nothing can be changed, so there is no TLS and no login.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

/// What a page answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// All is well (200).
    Fine(String),
    /// Not now (503), and why.
    NotNow(String),
    /// Metrics in the text format of Prometheus, version 0.0.4 or OpenMetrics (200).
    Metrics(String),
    /// There is no such page (404).
    Unknown,
}

/// Connections at the same time; probes and scrapers need a handful.
const CONNECTIONS_MAX: usize = 64;
/// A connection that sends no request, or takes no answer, is closed after this time.
const REQUEST_TIME_MAX: Duration = Duration::from_secs(10);
/// After this time a connection is closed whatever it does; clients make a new one.
const CONNECTION_TIME_MAX: Duration = Duration::from_secs(300);

/// Serves `GET` requests; `page` is given the path. Runs until it is dropped.
pub async fn serve_pages<P, F>(listener: TcpListener, page: P)
where
    P: Fn(String) -> F + Send + Sync + 'static,
    F: Future<Output = Page> + Send,
{
    let page = Arc::new(page);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely; the pause keeps the loop from spinning.
                tracing::warn!(%error, "cannot accept a connection for pages");
                sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let page = Arc::clone(&page);
        tokio::spawn(async move {
            let _ = timeout(CONNECTION_TIME_MAX, connection(stream, page)).await;
            drop(place);
        });
    }
}

async fn connection<P, F>(stream: TcpStream, page: Arc<P>)
where
    P: Fn(String) -> F + Send + Sync + 'static,
    F: Future<Output = Page> + Send,
{
    let answer = |request: Request<Incoming>| {
        let page = Arc::clone(&page);
        async move {
            let found = if request.method() == Method::GET {
                page(request.uri().path().to_owned()).await
            } else {
                Page::Unknown
            };
            Ok::<_, Infallible>(response(found))
        }
    };
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIME_MAX)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection for pages broke");
    }
}

fn response(page: Page) -> Response<Full<Bytes>> {
    const TEXT: &str = "text/plain; charset=utf-8";
    const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let (status, kind, body) = match page {
        Page::Fine(body) => (StatusCode::OK, TEXT, body),
        Page::Metrics(body) => (StatusCode::OK, METRICS, body),
        Page::NotNow(body) => (StatusCode::SERVICE_UNAVAILABLE, TEXT, body),
        Page::Unknown => (StatusCode::NOT_FOUND, TEXT, "no such page\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    async fn ask(request: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let page = |path: String| async move {
            match path.as_str() {
                "/healthz" => Page::Fine("ok\n".to_owned()),
                "/readyz" => Page::NotNow("the member waits\n".to_owned()),
                _ => Page::Unknown,
            }
        };
        let serving = tokio::spawn(serve_pages(listener, page));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = stream.read_to_string(&mut answer);
        timeout(Duration::from_secs(5), read)
            .await
            .unwrap()
            .unwrap();
        serving.abort();
        answer
    }

    #[tokio::test]
    async fn pages_answer_with_the_status_that_probes_look_at() {
        let get =
            |path: &str| format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        assert!(ask(&get("/healthz")).await.starts_with("HTTP/1.1 200"));
        let not_now = ask(&get("/readyz")).await;
        assert!(not_now.starts_with("HTTP/1.1 503") && not_now.ends_with("the member waits\n"));
        assert!(ask(&get("/other")).await.starts_with("HTTP/1.1 404"));
        let post =
            "POST /healthz HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        assert!(ask(post).await.starts_with("HTTP/1.1 404"));
    }
}
