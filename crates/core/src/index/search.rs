//! Reading all vectors of a model at once: what a search goes through.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::{Index, Vector};

impl Index {
    /// Every photo that this model has embedded, with its path, in the order of paths; `each` sees one
    /// at a time, so that memory stays bounded.
    pub fn each_vector(&self, model: &str, mut each: impl FnMut(PathBuf, &[f32])) -> Result<()> {
        let mut query = self.connection.prepare(
            "SELECT path, vector FROM files JOIN vectors ON vectors.hash = files.hash
             WHERE vectors.model = (SELECT id FROM models WHERE fingerprint = ?1) ORDER BY path",
        )?;
        let mut rows = query.query([model])?;
        while let Some(row) = rows.next().with_context(|| self.damaged())? {
            let name: String = row.get(0)?;
            let bytes = row.get_ref(1)?.as_blob().ok().and_then(Vector::from_bytes);
            let vector = bytes.with_context(|| self.damaged())?;
            each(self.base.join(name), &vector.0);
        }
        Ok(())
    }
}
