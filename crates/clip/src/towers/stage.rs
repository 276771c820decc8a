//! A look at the values between the parts of a tower, for the tests that compare them with the reference
//! implementations. Outside of tests this is empty.

#[cfg(not(test))]
#[inline(always)]
pub(crate) fn passes(_: &[f32]) {}

#[cfg(test)]
pub(crate) use watched::{passes, watch};

#[cfg(test)]
mod watched {
    use std::cell::RefCell;

    thread_local! {
        static SEEN: RefCell<Option<Vec<Vec<f32>>>> = const { RefCell::new(None) };
    }

    pub(crate) fn passes(values: &[f32]) {
        SEEN.with_borrow_mut(|seen| {
            if let Some(seen) = seen {
                seen.push(values.to_vec());
            }
        });
    }

    /// Everything that passes on this thread during `run`, in order.
    pub(crate) fn watch(run: impl FnOnce()) -> Vec<Vec<f32>> {
        SEEN.set(Some(Vec::new()));
        run();
        SEEN.take().unwrap_or_default()
    }
}
