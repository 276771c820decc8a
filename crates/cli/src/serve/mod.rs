//! `gallery --serve`: a local preview of the site, rebuilt and reloaded when its sources change.
//!
//! Not a public web server: it listens on the loopback address and answers requests for it only ([`http`]). [`changes`]
//! watches the sources. The page learns of a rebuild from a request that is answered then.

mod changes;
mod files;
mod http;
mod remote;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::interrupt;

pub use changes::{Changes, Sources};

/// How often the Ctrl-C flag is checked.
const TICK: Duration = Duration::from_millis(200);

/// Serves `folder` on `port` (0: any that is free) until interrupted. `ready` gets the address. `rebuild` is called
/// after changes.
pub fn serve(
    folder: &Path,
    port: u16,
    changes: &mut Changes,
    ready: impl FnOnce(&str) -> Result<()>,
    mut rebuild: impl FnMut(&mut Changes),
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = runtime
        .block_on(TcpListener::bind(("127.0.0.1", port)))
        .with_context(|| {
            format!(
                "port {port} of this machine cannot be used\n\nChoose another one: --serve=8421"
            )
        })?;
    let address = listener.local_addr()?;
    ready(&format!("http://{address}/"))?;
    let (built, builds) = watch::channel(0);
    let app = http::app(folder, address.port(), builds);
    std::thread::scope(|scope| {
        let server = scope.spawn(move || {
            runtime.block_on(async move {
                let stop = async {
                    while !interrupt::requested() {
                        tokio::time::sleep(TICK).await;
                    }
                };
                tokio::select! {
                    () = http::accept(listener, app) => {}
                    () = stop => {}
                }
            });
        });
        let is_over = || interrupt::requested() || server.is_finished();
        while changes.wait(is_over) {
            rebuild(changes);
            built.send_modify(|number| *number += 1);
        }
        if let Err(payload) = server.join() {
            std::panic::resume_unwind(payload);
        }
    });
    Ok(())
}
