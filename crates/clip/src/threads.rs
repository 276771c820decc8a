//! The threads that a model computes on: all cores for one call, or one core for each of several calls at a time.

use std::sync::Arc;

use rten::{RunOptions, ThreadPool};

/// Threads to compute on. Vectors do not depend on them.
#[derive(Clone, Debug)]
pub struct Threads(Option<Arc<ThreadPool>>);

impl Threads {
    /// One thread per core, shared by all callers: the quickest way to a few vectors.
    pub fn all() -> Self {
        Self(None)
    }

    /// One thread of its own. With one of these per core, many vectors are computed faster than by [`all`](Self::all):
    /// no thread waits for others, and work is divided into larger pieces.
    pub fn one() -> Self {
        Self(Some(Arc::new(ThreadPool::with_num_threads(1))))
    }

    /// Runs `work` on these threads, including rayon's parallel iterators.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match &self.0 {
            None => rten::thread_pool().run(work),
            Some(own) => own.run(work),
        }
    }

    /// For graphs that rten runs.
    pub(crate) fn options(&self) -> RunOptions {
        RunOptions::default().with_thread_pool(self.0.clone())
    }
}
