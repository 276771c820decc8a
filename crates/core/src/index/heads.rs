//! What earlier versions learned, and what was drawn, as the index keeps it: bodies in JSON whose meaning is the callers'
//! business.

use anyhow::{Context, Result};
use rusqlite::OptionalExtension;

use super::Index;

impl Index {
    /// Learned heads of this model: categories' ids and bodies.
    pub fn heads(&self, model: &str) -> Result<Vec<(String, String)>> {
        let mut query = self
            .connection
            .prepare("SELECT category, body FROM heads WHERE model = ?1 ORDER BY category")?;
        let rows = query.query_map([model], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<Result<_, _>>()
            .with_context(|| self.damaged())
    }

    /// How many heads there are of other models.
    pub fn heads_of_others(&self, model: &str) -> Result<u32> {
        self.connection
            .query_row(
                "SELECT count(*) FROM heads WHERE model <> ?1",
                [model],
                |row| row.get(0),
            )
            .with_context(|| self.damaged())
    }

    /// Deletes all heads: they are kept beside the catalog now.
    pub fn forget_heads(&mut self) -> Result<()> {
        self.connection
            .execute("DELETE FROM heads", [])
            .map(drop)
            .with_context(|| format!("{}: cannot write the index", self.path.display()))
    }

    /// The sample drawn last for a spot check.
    pub fn sample(&self) -> Result<Option<String>> {
        self.connection
            .query_row("SELECT body FROM samples", [], |row| row.get(0))
            .optional()
            .with_context(|| self.damaged())
    }

    /// Keeps the sample of a spot check.
    pub fn store_sample(&mut self, body: &str) -> Result<()> {
        self.connection
            .execute(
                "INSERT OR REPLACE INTO samples (id, body) VALUES (1, ?1)",
                [body],
            )
            .with_context(|| format!("{}: cannot write the index", self.path.display()))?;
        Ok(())
    }
}
