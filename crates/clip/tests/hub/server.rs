//! A hub on this machine: answers as the real one does, or as badly as a test wants it to.
//!
//! Plain sockets, so that a cut or a stall happens at an exact byte. One answer a connection.

// Several test crates share this, and none uses all of it.
#![allow(dead_code)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: BTreeMap<String, String>,
}

impl Request {
    pub fn is(&self, method: &str, end: &str) -> bool {
        self.method == method && self.path.ends_with(end)
    }

    fn start(&self) -> usize {
        let range = self
            .headers
            .get("range")
            .and_then(|range| range.strip_prefix("bytes="));
        range
            .and_then(|range| range.strip_suffix('-')?.parse().ok())
            .unwrap_or(0)
    }
}

#[derive(Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Send only so many bytes of the body, then close.
    pub cut: Option<usize>,
    /// With `cut`: do not close, but say nothing more.
    pub stall: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: vec![],
            body: body.into(),
            cut: None,
            stall: false,
        }
    }

    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        self.headers.push((name.to_owned(), value.to_string()));
        self
    }

    pub fn cut(mut self, at: usize) -> Self {
        self.cut = Some(at);
        self
    }

    pub fn stall(mut self, at: usize) -> Self {
        self.cut = Some(at);
        self.stall = true;
        self
    }
}

/// Looks at a request and the answer that a good hub would give; gives the answer to send.
pub type Twist = Box<dyn Fn(&Request, Reply) -> Reply + Send + Sync>;

pub struct Server {
    pub url: String,
    log: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// A hub with one repository, `owner/name`, that has these files.
    pub fn start(files: &[(&str, &[u8])], twist: Twist) -> Self {
        let files: BTreeMap<String, Vec<u8>> = files
            .iter()
            .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()))
            .collect();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (files, twist, seen) = (Arc::new(files), Arc::new(twist), Arc::clone(&log));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (files, twist, seen) = (files.clone(), twist.clone(), seen.clone());
                std::thread::spawn(move || {
                    if let Some(request) = read(&stream) {
                        seen.lock().expect("the log").push(request.clone());
                        let reply = twist(&request, good(&request, &files));
                        let _ = send(stream, &request, &reply);
                    }
                });
            }
        });
        Self { url, log }
    }

    pub fn good(files: &[(&str, &[u8])]) -> Self {
        Self::start(files, Box::new(|_, reply| reply))
    }

    pub fn requests(&self) -> Vec<Request> {
        self.log.lock().expect("the log").clone()
    }

    /// How many requests there were with this method for a path that ends so.
    pub fn count(&self, method: &str, end: &str) -> usize {
        self.requests()
            .iter()
            .filter(|request| request.is(method, end))
            .count()
    }
}

pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

fn git(bytes: &[u8]) -> String {
    use sha1::Sha1;
    let mut sha = Sha1::new();
    sha.update(format!("blob {}\0", bytes.len()));
    sha.update(bytes);
    sha.finalize().iter().map(|b| format!("{b:02x}")).collect()
}

/// What the real hub would say: big files by SHA-256 in X-Linked-Etag, small ones by git's SHA-1.
fn good(request: &Request, files: &BTreeMap<String, Vec<u8>>) -> Reply {
    let api = "/api/models/owner/name/revision/main";
    if request.path == api {
        let siblings: Vec<_> = files
            .keys()
            .map(|name| serde_json::json!({"rfilename": name}))
            .collect();
        let list = serde_json::json!({"sha": COMMIT, "siblings": siblings});
        return Reply::new(200, list.to_string()).with("content-type", "application/json");
    }
    let name = request
        .path
        .strip_prefix(&format!("/owner/name/resolve/{COMMIT}/"));
    let Some(bytes) = name.and_then(|name| files.get(name)) else {
        return Reply::new(404, "").with("x-error-code", "RepoNotFound");
    };
    let start = request.start();
    let mut reply = match start {
        0 => Reply::new(200, bytes.clone()),
        _ if start >= bytes.len() => return Reply::new(416, ""),
        _ => Reply::new(206, &bytes[start..]).with(
            "content-range",
            format!("bytes {start}-{}/{}", bytes.len() - 1, bytes.len()),
        ),
    };
    reply = reply.with("x-repo-commit", COMMIT);
    if name.is_some_and(|name| name.ends_with(".safetensors") || name.ends_with(".onnx")) {
        reply
            .with("etag", "\"of-the-store\"")
            .with("x-linked-etag", format!("\"{}\"", sha256(bytes)))
            .with("x-linked-size", bytes.len())
    } else {
        reply.with("etag", format!("\"{}\"", git(bytes)))
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    for line in lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
    {
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some(Request {
        method,
        path,
        headers,
    })
}

fn send(mut stream: TcpStream, request: &Request, reply: &Reply) -> std::io::Result<()> {
    write!(
        stream,
        "HTTP/1.1 {} -\r\nconnection: close\r\n",
        reply.status
    )?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if !reply
        .headers
        .iter()
        .any(|(name, _)| name == "content-length")
    {
        write!(stream, "content-length: {}\r\n", reply.body.len())?;
    }
    stream.write_all(b"\r\n")?;
    if request.method != "HEAD" {
        let end = reply.cut.unwrap_or(reply.body.len()).min(reply.body.len());
        stream.write_all(&reply.body[..end])?;
    }
    stream.flush()?;
    if reply.stall {
        std::thread::sleep(Duration::from_secs(20));
    }
    Ok(())
}
