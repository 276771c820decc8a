//! One file, from the hub into its blob: what has come is kept, what is whole is checked first.
//!
//! A part is named by the checksum of the whole, so it can be continued whenever and by whomever;
//! `If-Range` is not needed for it, since a wrong whole is found out. A file whose etag is no
//! checksum starts anew each time.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use super::cache::{self, Place};
use super::checksum::Etag;
use super::http::{Answer, Client};
use super::retry::{self, Patience};
use super::{Event, HubError, Watch};

const BLOCK: usize = 256 << 10;
/// So much without a failure counts as progress.
const PROGRESS: u64 = 1 << 20;
/// A file whose size is not announced may have so much.
const LARGEST_UNANNOUNCED: u64 = 64 << 20;

/// A file to fetch.
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) etag: Etag,
    pub(super) size: Option<u64>,
}

impl Wanted {
    /// Reads what the hub says about a file.
    pub(super) fn read(name: &str, url: String, about: &Answer) -> Result<Self, HubError> {
        let etag = about
            .header("x-linked-etag")
            .or_else(|| about.header("etag"));
        let Some(etag) = etag.and_then(Etag::read) else {
            let reason = "it announces no checksum (ETag), as the hub always does".to_owned();
            return Err(HubError::NotTheHub { url, reason });
        };
        let linked = about
            .header("x-linked-size")
            .and_then(|size| size.trim().parse().ok());
        let size = linked.or_else(|| about.length().filter(|_| !about.is_redirect()));
        Ok(Self {
            name: name.to_owned(),
            url,
            etag,
            size,
        })
    }

    /// How much of it has come already.
    pub(super) fn have(&self, place: &Place) -> u64 {
        if self.is_there(place) {
            return self.size.unwrap_or(0);
        }
        match fs::metadata(place.part(&self.etag)) {
            Ok(part) if self.etag.is_checksum() => part.len().min(self.size.unwrap_or(0)),
            _ => 0,
        }
    }

    /// Whether its blob is there. One of another size is not it, whoever put it there.
    pub(super) fn is_there(&self, place: &Place) -> bool {
        fs::metadata(place.blob(&self.etag))
            .is_ok_and(|blob| blob.is_file() && self.size.is_none_or(|size| size == blob.len()))
    }
}

/// How far the whole pull is: bytes of the files before this one, and of all.
#[derive(Clone, Copy)]
pub(super) struct Tally {
    pub(super) before: u64,
    pub(super) total: u64,
}

impl Tally {
    /// Tells that `come` bytes of the present file are there.
    pub(super) fn tell(self, come: u64, watch: Watch<'_>) -> Result<(), HubError> {
        let done = self.before.saturating_add(come);
        let total = self.total.max(done);
        retry::tell(watch, Event::Progress { done, total })
    }
}

/// Fetches a file, unless its blob is there. Returns how many bytes came.
pub(super) fn fetch(
    client: &Client,
    place: &Place,
    file: &Wanted,
    mut patience: Patience,
    tally: Tally,
    watch: Watch<'_>,
) -> Result<u64, HubError> {
    let blob = place.blob(&file.etag);
    cache::create_parent(&blob)?;
    let _lock = place.lock(&file.etag, watch)?;
    if file.is_there(place) {
        return Ok(0);
    }
    let path = place.part(&file.etag);
    let mut options = File::options();
    options
        .write(true)
        .create(true)
        .truncate(!file.etag.is_checksum());
    let mut part = Part {
        file: options.open(&path).map_err(|e| HubError::cache(&path, e))?,
        path: &path,
        come: 0,
        fetched: 0,
    };
    part.come = part
        .file
        .metadata()
        .map_err(|e| HubError::cache(&path, e))?
        .len();
    if file.size.is_some_and(|size| part.come > size) {
        part.restart()?;
    }
    // Whether what lies in the part came by more than one request.
    let mut pieced = part.come > 0;
    loop {
        while file.size != Some(part.come) || part.come == 0 {
            let before = part.come;
            match part.transfer(client, file, tally, watch) {
                Ok(()) => break,
                Err(error) => {
                    if part.come >= before + PROGRESS {
                        patience.renew();
                    }
                    patience.after(error, watch)?;
                    pieced = part.come > 0;
                }
            }
        }
        part.file
            .sync_all()
            .map_err(|e| HubError::cache(&path, e))?;
        retry::tell(watch, Event::Verify { file: &file.name })?;
        let actual = file
            .etag
            .contradicted_by(&path)
            .map_err(|e| HubError::cache(&path, e))?;
        let Some(actual) = actual else { break };
        if pieced {
            // The old part may be to blame: once more, from the first byte.
            part.restart()?;
            pieced = false;
            continue;
        }
        drop(part);
        fs::remove_file(&path).map_err(|e| HubError::cache(&path, e))?;
        return Err(HubError::Checksum {
            url: file.url.clone(),
            expected: file.etag.as_str().to_owned(),
            actual,
        });
    }
    let fetched = part.fetched;
    drop(part);
    fs::rename(&path, &blob).map_err(|e| HubError::cache(&blob, e))?;
    Ok(fetched)
}

struct Part<'a> {
    file: File,
    path: &'a Path,
    /// How long it is.
    come: u64,
    /// How many bytes came in this run, also such that had to be thrown away.
    fetched: u64,
}

impl Part<'_> {
    fn restart(&mut self) -> Result<(), HubError> {
        self.file
            .set_len(0)
            .map_err(|e| HubError::cache(self.path, e))?;
        self.come = 0;
        Ok(())
    }

    /// One request for what is missing, written as it comes.
    fn transfer(
        &mut self,
        client: &Client,
        file: &Wanted,
        tally: Tally,
        watch: Watch<'_>,
    ) -> Result<(), HubError> {
        retry::tell(watch, Event::Idle)?;
        let answer = client.content(&file.url, self.come)?;
        let continues = answer.status == 206
            && answer
                .header("content-range")
                .is_some_and(|range| range.trim().starts_with(&format!("bytes {}-", self.come)));
        if !continues {
            let is_whole = answer.status == 200;
            self.restart()?;
            if !is_whole {
                let url = file.url.clone();
                return Err(HubError::Cut {
                    url,
                    got: 0,
                    size: file.size.unwrap_or(0),
                });
            }
        }
        let sent = answer.length().map(|length| self.come + length);
        let size = file.size.or(sent);
        let wrong = |sent| HubError::Size {
            url: file.url.clone(),
            size: size.unwrap_or(LARGEST_UNANNOUNCED),
            sent,
        };
        if let Some(sent) = sent.filter(|sent| Some(*sent) != size) {
            return Err(wrong(sent));
        }
        io::Seek::seek(&mut self.file, io::SeekFrom::Start(self.come))
            .map_err(|e| HubError::cache(self.path, e))?;
        let url = answer.url.clone();
        let mut body = answer.into_body();
        let mut block = vec![0; BLOCK];
        loop {
            let n = body.read(&mut block).map_err(|e| client.broken(&url, e))?;
            if n == 0 {
                break;
            }
            let come = self.come + n as u64;
            if come > size.unwrap_or(LARGEST_UNANNOUNCED) {
                self.restart()?;
                return Err(wrong(come));
            }
            self.file
                .write_all(&block[..n])
                .map_err(|e| HubError::cache(self.path, e))?;
            self.come = come;
            self.fetched += n as u64;
            tally.tell(self.come, watch)?;
        }
        match size.filter(|size| *size != self.come) {
            Some(size) => Err(HubError::Cut {
                url: file.url.clone(),
                got: self.come,
                size,
            }),
            None => Ok(()),
        }
    }
}
