//! From a text to the token ids that a text tower takes.

mod clean;
mod tokens;
mod vocabulary;

pub(crate) use clean::Clean;
pub(crate) use tokens::{TextTokens, relevant_files};
