//! Which threads a model computes on: all cores for one call, or one for each of many calls at a time.

use std::sync::Arc;

use rten::{RunOptions, ThreadPool};

/// Threads to compute on. Vectors do not depend on them.
#[derive(Clone, Debug)]
pub struct Threads(Option<Arc<ThreadPool>>);

impl Threads {
    /// One for each core, shared by all that ask for them: the quickest way to a few vectors.
    pub fn all() -> Self {
        Self(None)
    }

    /// One that nobody else has. Many vectors come quickest where each core computes its own: nobody waits
    /// for others, and work is cut into larger pieces.
    pub fn one() -> Self {
        Self(Some(Arc::new(ThreadPool::with_num_threads(1))))
    }

    /// Does the work on these threads, rayon's parallel iterators included.
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
