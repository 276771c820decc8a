//! Pulling models from a hub on this machine that behaves, misbehaves and breaks.

mod server;

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use phototag_clip::hub::{Event, Hub, HubError, Pulled, Repository, Settings};
use server::{COMMIT, Reply, Request, Server, sha256};

const WEIGHTS: &str = "open_clip_model.safetensors";

fn weights() -> Vec<u8> {
    (0..300_000u32)
        .flat_map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes())
        .collect()
}

/// An open_clip repository, with files beside it that nobody needs.
fn files(weights: &[u8]) -> Vec<(&str, &[u8])> {
    vec![
        ("README.md", b"# a model"),
        ("open_clip_config.json", b"{}\n"),
        (WEIGHTS, weights),
        ("open_clip_pytorch_model.bin", b"pickle"),
        ("tokenizer.json", b"{\"model\": 1}"),
    ]
}

struct Client {
    folder: tempfile::TempDir,
    settings: Settings,
}

impl Client {
    fn of(server: &Server) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut settings = Settings::from_env().expect("settings");
        settings.cache = folder.path().join("hub");
        settings.endpoint = server.url.clone();
        settings.token = None;
        settings.offline = false;
        settings.timeout = Duration::from_millis(400);
        settings.backoff = Duration::from_millis(1);
        settings.http_proxy = None;
        settings.symlinks = true;
        Self { folder, settings }
    }

    fn pull(&self) -> Result<Pulled, HubError> {
        self.watched(&mut |_| ControlFlow::Continue(()))
    }

    fn watched(
        &self,
        watch: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<Pulled, HubError> {
        Hub::new(self.settings.clone()).pull(&repository(), watch)
    }

    fn repo(&self) -> PathBuf {
        self.folder.path().join("hub/models--owner--name")
    }

    fn part(&self, weights: &[u8]) -> PathBuf {
        self.repo()
            .join("blobs")
            .join(format!("{}.incomplete", sha256(weights)))
    }

    /// Nothing that could be taken for a model is there.
    fn has_no_snapshot(&self) -> bool {
        !self.repo().join("snapshots").join(COMMIT).exists() && !self.repo().join("refs").exists()
    }
}

fn repository() -> Repository {
    "owner/name".parse().expect("a name")
}

/// A server whose first `n` requests that match are answered otherwise.
fn first(
    n: usize,
    method: &'static str,
    end: &'static str,
    otherwise: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static,
) -> Server {
    let seen = AtomicUsize::new(0);
    let weights = weights();
    Server::start(
        &files(&weights),
        Box::new(move |request, reply| {
            if request.is(method, end) && seen.fetch_add(1, Ordering::SeqCst) < n {
                otherwise(request, reply)
            } else {
                reply
            }
        }),
    )
}

fn always(
    method: &'static str,
    end: &'static str,
    otherwise: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static,
) -> Server {
    first(usize::MAX, method, end, otherwise)
}

fn text(error: &HubError) -> String {
    error.to_string()
}

#[test]
fn a_pull_makes_the_layout_that_python_makes_and_the_next_asks_only_for_the_list() {
    let weights = weights();
    let server = Server::good(&files(&weights));
    let client = Client::of(&server);
    let (mut last, mut all) = (0, 0);
    let pulled = client
        .watched(&mut |event| {
            if let Event::Progress { done, total } = event {
                assert!(last <= done && done <= total);
                (last, all) = (done, total);
            }
            ControlFlow::Continue(())
        })
        .expect("pulled");
    assert_eq!((last, all), (pulled.fetched, pulled.fetched));
    let snapshot = client.repo().join("snapshots").join(COMMIT);
    assert_eq!(pulled.folder, snapshot);
    assert_eq!(fs::read(snapshot.join(WEIGHTS)).expect("there"), weights);
    let mut names: Vec<_> = fs::read_dir(&snapshot)
        .expect("there")
        .map(|e| e.expect("entry").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["open_clip_config.json", WEIGHTS, "tokenizer.json"]);
    assert_eq!(
        fs::read_to_string(client.repo().join("refs/main")).expect("there"),
        COMMIT
    );
    #[cfg(unix)]
    assert_eq!(
        fs::read_link(snapshot.join(WEIGHTS)).expect("a link"),
        Path::new("../../blobs").join(sha256(&weights))
    );
    assert_eq!(
        Hub::new(client.settings.clone()).find(&repository())[0],
        snapshot
    );

    let before = server.requests().len();
    assert_eq!(client.pull().expect("pulled").fetched, 0);
    assert_eq!(server.requests().len(), before + 1);
}

#[test]
fn a_blob_that_python_has_downloaded_is_not_downloaded_again() {
    let weights = weights();
    let server = Server::good(&files(&weights));
    let client = Client::of(&server);
    let blob = client.repo().join("blobs").join(sha256(&weights));
    fs::create_dir_all(blob.parent().expect("a folder")).expect("made");
    fs::write(&blob, &weights).expect("written");
    client.pull().expect("pulled");
    assert_eq!(server.count("GET", WEIGHTS), 0);
}

#[test]
fn without_links_the_files_themselves_are_in_the_snapshot() {
    let weights = weights();
    let server = Server::good(&files(&weights));
    let mut client = Client::of(&server);
    client.settings.symlinks = false;
    let pulled = client.pull().expect("pulled");
    assert!(
        fs::symlink_metadata(pulled.folder.join(WEIGHTS))
            .expect("there")
            .is_file()
    );
    assert_eq!(client.pull().expect("pulled").fetched, 0);
}

#[test]
fn a_cut_download_goes_on_where_it_stopped() {
    let server = first(1, "GET", WEIGHTS, |_, reply| reply.cut(700_000));
    let client = Client::of(&server);
    let pulled = client.pull().expect("pulled");
    assert_eq!(
        fs::read(pulled.folder.join(WEIGHTS)).expect("there"),
        weights()
    );
    let requests = server.requests();
    let ranges: Vec<_> = requests
        .iter()
        .filter(|r| r.is("GET", WEIGHTS))
        .map(|r| r.headers.get("range").map(String::as_str))
        .collect();
    assert_eq!(ranges, [None, Some("bytes=700000-")]);
}

#[test]
fn a_download_that_is_always_cut_ends_and_leaves_its_part_for_the_next_pull() {
    let server = always("GET", WEIGHTS, |request, reply| {
        match request.headers.get("range") {
            None => reply.cut(500_000),
            Some(_) => reply.cut(0),
        }
    });
    let client = Client::of(&server);
    let error = client.pull().expect_err("cut");
    assert!(error.may_pass(), "{error}");
    assert_eq!(server.count("GET", WEIGHTS), 4);
    let weights = weights();
    assert_eq!(
        fs::read(client.part(&weights)).expect("a part"),
        &weights[..500_000]
    );
    assert!(client.has_no_snapshot());

    let better = Server::good(&files(&weights));
    let mut client = client;
    client.settings.endpoint = better.url.clone();
    client.pull().expect("pulled");
    let sent = better.requests();
    let last = sent.iter().find(|r| r.is("GET", WEIGHTS)).expect("asked");
    assert_eq!(
        last.headers.get("range").map(String::as_str),
        Some("bytes=500000-")
    );
}

#[test]
fn stopping_keeps_the_part_and_makes_no_model() {
    let weights = weights();
    let server = Server::good(&files(&weights));
    let client = Client::of(&server);
    let stopped = client.watched(&mut |event| match event {
        Event::Progress { done, .. } if done > 600_000 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    assert!(matches!(stopped, Err(HubError::Interrupted)));
    assert!(client.has_no_snapshot());
    let part = fs::metadata(client.part(&weights)).expect("a part").len();
    assert!(0 < part && part < weights.len() as u64);
    let fetched = client.pull().expect("pulled").fetched;
    assert_eq!(fetched, weights.len() as u64 - part);
}

#[test]
fn a_rotten_part_or_a_server_without_ranges_costs_a_new_start_and_no_more() {
    let weights = weights();
    for server in [
        Server::good(&files(&weights)),
        always("GET", WEIGHTS, |_, mut reply| {
            reply.status = 200;
            reply.body = self::weights();
            reply.headers.retain(|(name, _)| name != "content-range");
            reply
        }),
    ] {
        let client = Client::of(&server);
        fs::create_dir_all(client.repo().join("blobs")).expect("made");
        fs::write(client.part(&weights), vec![7; 400_000]).expect("written");
        let pulled = client.pull().expect("pulled");
        assert_eq!(
            fs::read(pulled.folder.join(WEIGHTS)).expect("there"),
            weights
        );
    }
}

#[test]
fn what_has_not_the_announced_checksum_or_size_is_never_used() {
    for (end, twist) in [
        (
            WEIGHTS,
            (|mut r: Reply| {
                r.body[9] ^= 1;
                r
            }) as fn(Reply) -> Reply,
        ),
        ("tokenizer.json", |mut r: Reply| {
            r.body[9] ^= 1;
            r
        }),
        (WEIGHTS, |mut r: Reply| {
            r.body.push(0);
            r
        }),
        (WEIGHTS, |mut r: Reply| {
            r.body.pop();
            r
        }),
    ] {
        let server = always("GET", end, move |_, reply| twist(reply));
        let client = Client::of(&server);
        let error = client.pull().expect_err("refused");
        assert!(
            matches!(error, HubError::Checksum { .. } | HubError::Size { .. }),
            "{error}"
        );
        assert!(text(&error).contains(end) && client.has_no_snapshot());
        assert!(
            !client.part(&weights()).exists()
                || end != WEIGHTS
                || matches!(error, HubError::Size { .. })
        );
    }
    // Without a length the surplus is seen as it comes.
    let server = always("GET", WEIGHTS, |_, mut reply| {
        reply.body.extend([0; 100]);
        reply
            .with("transfer-encoding", "identity")
            .with("content-length", weights().len() + 100)
    });
    assert!(matches!(
        Client::of(&server).pull(),
        Err(HubError::Size { .. })
    ));
}

#[test]
fn a_busy_hub_is_asked_again_but_not_forever() {
    for status in [429, 503] {
        let passing = first(2, "GET", "revision/main", move |_, _| {
            Reply::new(status, "").with("retry-after", 0)
        });
        Client::of(&passing).pull().expect("pulled");
        assert_eq!(passing.count("GET", "revision/main"), 3);

        let server = always("HEAD", WEIGHTS, move |_, _| Reply::new(status, ""));
        let error = Client::of(&server).pull().expect_err("busy");
        assert!(matches!(error, HubError::Busy { .. }), "{error}");
        assert_eq!(server.count("HEAD", WEIGHTS), 4);
    }
    let server = always("GET", "main", |_, _| {
        Reply::new(429, "").with("retry-after", 3600)
    });
    let error = Client::of(&server).pull().expect_err("busy");
    assert!(text(&error).contains("asks to wait 3600 s"), "{error}");
    assert_eq!(server.count("GET", "main"), 1);
}

#[test]
fn refusals_say_what_to_do() {
    for (status, word) in [
        (401, "HF_TOKEN"),
        (403, "accept its terms"),
        (404, "spelling"),
    ] {
        let server = always("GET", "main", move |_, _| Reply::new(status, "{}"));
        let error = text(&Client::of(&server).pull().expect_err("refused"));
        assert!(
            error.contains(&status.to_string()) && error.contains(word),
            "{error}"
        );
        assert_eq!(server.requests().len(), 1, "asked once");
    }
}

#[test]
fn a_login_page_is_not_taken_for_a_model() {
    fn page(_: &Request, _: Reply) -> Reply {
        Reply::new(200, "<html>Welcome to the hotel</html>").with("content-type", "text/html")
    }
    for (method, end) in [("GET", "main"), ("HEAD", WEIGHTS), ("GET", WEIGHTS)] {
        let client = Client::of(&always(method, end, page));
        let error = client.pull().expect_err("refused");
        assert!(matches!(error, HubError::NotTheHub { .. }), "{error}");
        assert!(client.has_no_snapshot());
    }
    for body in [
        "<html>",
        "{\"error\": 1}",
        "{\"sha\": \"../x\", \"siblings\": []}",
        "",
    ] {
        let server = always("GET", "main", move |_, _| Reply::new(200, body));
        let error = Client::of(&server).pull().expect_err("refused");
        assert!(matches!(error, HubError::NotTheHub { .. }), "{error}");
    }
}

#[test]
fn a_stalled_connection_is_given_up_and_resumed() {
    let server = first(1, "GET", WEIGHTS, |_, reply| reply.stall(300_000));
    let client = Client::of(&server);
    client.pull().expect("pulled after the stall");
    let dead = always("GET", WEIGHTS, |_, reply| reply.stall(0));
    let error = Client::of(&dead).pull().expect_err("stalled");
    assert!(matches!(error, HubError::Stalled { .. }), "{error}");
}

#[test]
fn the_token_goes_to_the_hub_and_to_nobody_else() {
    let weights = weights();
    let store = Server::start(&[], Box::new(move |_, _| Reply::new(200, self::weights())));
    let to = format!("{}/store", store.url);
    let server = Server::start(
        &files(&weights),
        Box::new(move |request, mut reply| {
            if request.path.ends_with(WEIGHTS) {
                reply.status = 302;
                reply.body.clear();
                reply.with("location", &to)
            } else {
                reply
            }
        }),
    );
    let mut client = Client::of(&server);
    client.settings.token = Some("hf_secret".into());
    client.pull().expect("pulled");
    let bearer = |server: &Server, all: bool| {
        let has = |r: &Request| {
            r.headers
                .get("authorization")
                .is_some_and(|h| h == "Bearer hf_secret")
        };
        if all {
            server.requests().iter().all(has)
        } else {
            server.requests().iter().any(has)
        }
    };
    assert!(
        bearer(&server, true),
        "every request to the hub has the token"
    );
    assert_eq!(store.requests().len(), 1);
    assert!(!bearer(&store, false), "the store never sees it");

    let around = always("GET", "main", |_, _| {
        Reply::new(302, "").with("location", "/main")
    });
    let error = Client::of(&around).pull().expect_err("without end");
    assert!(text(&error).contains("without end"), "{error}");
}

#[test]
fn hostile_names_and_etags_write_nothing() {
    for name in ["../../evil.json", "/etc/evil", "visual/..\\evil", "a/../b"] {
        let weights = weights();
        let mut files = files(&weights);
        files.push((name, b"evil"));
        let client = Client::of(&Server::good(&files));
        let error = client.pull().expect_err("refused");
        assert!(matches!(error, HubError::HostileName { .. }), "{error}");
        assert!(!client.folder.path().join("hub").exists());
    }
    let server = always("HEAD", "tokenizer.json", |_, mut reply| {
        reply.headers.retain(|(name, _)| name != "etag");
        reply.with("etag", "\"../../../evil\"")
    });
    assert!(matches!(
        Client::of(&server).pull(),
        Err(HubError::NotTheHub { .. })
    ));
}

#[test]
fn a_disk_without_room_is_seen_before_anything_is_fetched() {
    let server = always("HEAD", WEIGHTS, |_, mut reply| {
        reply.headers.retain(|(name, _)| name != "x-linked-size");
        reply.with("x-linked-size", u64::MAX / 2)
    });
    let error = Client::of(&server).pull().expect_err("refused");
    assert!(matches!(error, HubError::DiskFull { .. }), "{error}");
    assert_eq!(
        server
            .requests()
            .iter()
            .filter(|r| r.path.contains("resolve") && r.method == "GET")
            .count(),
        0
    );
}

#[test]
fn two_pulls_at_once_download_once() {
    let server = first(1, "GET", WEIGHTS, |_, reply| {
        std::thread::sleep(Duration::from_millis(150));
        reply
    });
    let client = Client::of(&server);
    std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..3).map(|_| scope.spawn(|| client.pull())).collect();
        for pull in pulls {
            pull.join().expect("no panic").expect("pulled");
        }
    });
    assert_eq!(server.count("GET", WEIGHTS), 1);
}

#[test]
fn offline_asks_nobody() {
    let weights = weights();
    let server = Server::good(&files(&weights));
    let mut client = Client::of(&server);
    client.settings.offline = true;
    assert!(matches!(client.pull(), Err(HubError::Offline(_))));
    assert_eq!(server.requests().len(), 0);
}

/// A model that is complete in the cache will do when the hub cannot be asked, and a part will not.
#[test]
fn a_complete_model_in_the_cache_is_used_when_the_hub_cannot_be_asked() {
    let weights = weights();
    let mut client = Client::of(&Server::good(&files(&weights)));
    let pulled = client.pull().expect("pulled");
    let hotel = |_: &Request, _| Reply::new(200, "<html>").with("content-type", "text/html");
    let servers = [
        Server::start(&[], Box::new(|_, _| Reply::new(503, ""))),
        Server::start(&[], Box::new(hotel)),
    ];
    let mut urls = vec![None, Some("http://127.0.0.1:9".to_owned())];
    urls.extend(servers.iter().map(|server| Some(server.url.clone())));
    for url in &urls {
        client.settings.offline = url.is_none();
        client.settings.endpoint = url.clone().unwrap_or_default();
        let mut told = 0;
        let found = client.watched(&mut |event| {
            told += u32::from(matches!(event, Event::FromCache { .. }));
            ControlFlow::Continue(())
        });
        let found = found.expect("found");
        assert_eq!((told, found.fetched), (1, 0), "{url:?}");
        assert_eq!(
            (found.folder, found.commit),
            (pulled.folder.clone(), pulled.commit.clone())
        );
    }
    fs::remove_file(pulled.folder.join("tokenizer.json")).expect("removed");
    for url in urls {
        client.settings.offline = url.is_none();
        client.settings.endpoint = url.unwrap_or_default();
        let error = client.pull().expect_err("not complete");
        assert!(error.is_absence(), "{error}");
    }
}

#[test]
fn a_cache_that_cannot_be_written_and_a_hub_that_is_not_there_are_named() {
    let weights = weights();
    let mut client = Client::of(&Server::good(&files(&weights)));
    let file = client.folder.path().join("file");
    fs::write(&file, "").expect("written");
    client.settings.cache = file.join("hub");
    let error = client.pull().expect_err("refused");
    assert!(matches!(error, HubError::Cache { .. }) && text(&error).contains("HF_HUB_CACHE"));

    client.settings.endpoint = "http://127.0.0.1:9".into();
    let error = client.pull().expect_err("nobody there");
    assert!(
        matches!(error, HubError::Unreachable { stood: false, .. }),
        "{error}"
    );
}
