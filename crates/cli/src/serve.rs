//! The site on this machine, for a look: built again and shown anew when tags, catalog or photos change.
//!
//! Not for the open internet: it listens on the loopback address only. Changes are seen by asking for
//! times of change every second, which works on every file system. The page learns of them from a
//! long request that is answered when the site was built again.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use phototag_gallery::RELOAD_SCRIPT;

use crate::interrupt;

const EVERY: Duration = Duration::from_secs(1);

#[derive(Clone)]
struct Site {
    folder: PathBuf,
    builds: watch::Receiver<u64>,
}

/// Serves `folder` on `port` (0: any that is free) until interrupted. `rebuild` is called when one of
/// `watched` has changed; `ready` is told the address.
pub fn serve(
    folder: &Path,
    port: u16,
    watched: &[PathBuf],
    ready: impl FnOnce(&str) -> Result<()>,
    mut rebuild: impl FnMut(),
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let (built, builds) = watch::channel(0);
    let address = ("127.0.0.1", port);
    let listener = runtime
        .block_on(TcpListener::bind(address))
        .with_context(|| {
            format!(
                "port {port} of this machine cannot be used\n\nChoose another one: --serve=8421"
            )
        })?;
    ready(&format!("http://{}/", listener.local_addr()?))?;
    let site = Site {
        folder: folder.to_owned(),
        builds,
    };
    let app = Router::new()
        .route("/", get(index))
        .route("/index.html", get(index))
        .route(
            "/phototag-reload.js",
            get(async || ([(CONTENT_TYPE, "text/javascript")], RELOAD_SCRIPT)),
        )
        .route("/phototag-reload", get(next_build))
        .fallback_service(ServeDir::new(folder))
        .layer(SetResponseHeaderLayer::overriding(
            CACHE_CONTROL,
            HeaderValue::from_static("no-cache"),
        ))
        .with_state(site);
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            runtime.block_on(async move {
                let stop = async {
                    while !interrupt::requested() {
                        tokio::time::sleep(EVERY / 10).await;
                    }
                };
                tokio::select! {
                    ended = axum::serve(listener, app) => ended,
                    () = stop => Ok(()),
                }
            })
        });
        let mut before = times(watched);
        while !interrupt::requested() && !server.is_finished() {
            std::thread::sleep(EVERY / 5);
            let now = times(watched);
            if now != before {
                before = now;
                rebuild();
                built.send_modify(|number| *number += 1);
            }
        }
        match server.join() {
            Ok(ended) => ended.context("the server failed"),
            Err(payload) => std::panic::resume_unwind(payload),
        }
    })
}

fn times(watched: &[PathBuf]) -> Vec<Option<SystemTime>> {
    let time = |path: &PathBuf| {
        std::fs::metadata(path)
            .and_then(|about| about.modified())
            .ok()
    };
    watched.iter().map(time).collect()
}

/// The first page, with the script that waits for the next build.
async fn index(State(site): State<Site>) -> impl IntoResponse {
    let page = tokio::task::spawn_blocking(move || {
        std::fs::read_to_string(site.folder.join("index.html"))
    });
    let html = page.await.ok().and_then(Result::ok).unwrap_or_default();
    Html(html.replacen(
        "</head>",
        "<script defer src=\"phototag-reload.js\"></script>\n</head>",
        1,
    ))
}

/// Answers when the site was built again.
async fn next_build(State(mut site): State<Site>) -> &'static str {
    site.builds.mark_unchanged();
    let _ = site.builds.changed().await;
    "built"
}
