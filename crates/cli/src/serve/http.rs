//! HTTP for one site on the loopback address.
//!
//! Any web page can make a browser send requests to the loopback address. A request whose Host header is not this
//! server's is refused, which stops DNS rebinding. The number of connections is limited, and so is the time for sending
//! a request.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tower_http::services::ServeFile;
use tower_http::set_header::SetResponseHeaderLayer;

use phototag_gallery::RELOAD_SCRIPT;

use super::files;

/// The most connections at a time; others wait.
const CONNECTIONS: usize = 64;
/// The longest time for sending a request's headers, idle time included.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Clone)]
struct Site {
    folder: PathBuf,
    port: u16,
    builds: watch::Receiver<u64>,
}

/// The service for requests to `port`. `builds` changes after each rebuild.
pub fn app(folder: &Path, port: u16, builds: watch::Receiver<u64>) -> Router {
    let site = Site {
        folder: folder.to_owned(),
        port,
        builds,
    };
    Router::new()
        .route("/", get(index))
        .route("/index.html", get(index))
        .route(
            "/phototag-reload.js",
            get(async || ([(CONTENT_TYPE, "text/javascript")], RELOAD_SCRIPT)),
        )
        .route("/phototag-reload", get(next_build))
        .fallback(file)
        .layer(from_fn_with_state(site.clone(), check_host))
        .layer(SetResponseHeaderLayer::overriding(
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache"),
        ))
        .with_state(site)
}

/// Accepts connections until it is dropped.
pub async fn accept(listener: TcpListener, app: Router) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(place) = places.clone().acquire_owned().await {
        let Ok((stream, _)) = listener.accept().await else {
            // Too many open files, for example. Try again.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let service = TowerToHyperService::new(app.clone());
        tokio::spawn(async move {
            let _place = place;
            // A broken connection ends alone.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn check_host(State(site): State<Site>, request: Request, next: Next) -> Response {
    if is_for(site.port, &request) {
        next.run(request).await
    } else {
        let why = "phototag answers requests for 127.0.0.1 and localhost only\n";
        (StatusCode::FORBIDDEN, why).into_response()
    }
}

fn is_for(port: u16, request: &Request) -> bool {
    let is_ours = |host: &str| {
        ["127.0.0.1", "localhost", "[::1]"].iter().any(|name| {
            let is_short = port == 80 && host.eq_ignore_ascii_case(name);
            is_short || host.eq_ignore_ascii_case(&format!("{name}:{port}"))
        })
    };
    let mut hosts = request.headers().get_all(HOST).iter();
    let host = hosts.next().and_then(|host| host.to_str().ok());
    let authority = request.uri().authority();
    host.is_some_and(is_ours)
        && hosts.next().is_none()
        && authority.is_none_or(|authority| is_ours(authority.as_str()))
}

/// The first page, with the script that waits for the next build.
async fn index(State(site): State<Site>) -> Response {
    let read = move || std::fs::read_to_string(files::shown(&site.folder, "/index.html")?).ok();
    let Ok(Some(html)) = tokio::task::spawn_blocking(read).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    Html(html.replacen(
        "</head>",
        "<script defer src=\"phototag-reload.js\"></script>\n</head>",
        1,
    ))
    .into_response()
}

/// Answers after the next rebuild.
async fn next_build(State(mut site): State<Site>) -> &'static str {
    site.builds.mark_unchanged();
    let _ = site.builds.changed().await;
    "built"
}

async fn file(State(site): State<Site>, request: Request) -> Response {
    let address = request.uri().path().to_owned();
    let find = move || files::shown(&site.folder, &address);
    let Ok(Some(path)) = tokio::task::spawn_blocking(find).await else {
        return StatusCode::NOT_FOUND.into_response();
    };
    match ServeFile::new(path).try_call(request).await {
        Ok(response) => response.into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}
