//! Opening the index file: creating, migrating, and refusing what is not ours or from a later version.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use super::FOLDER;
use crate::warning::Warning;

/// Says "phototag" in the file's header.
const APPLICATION: i32 = 0x7068_746f;

/// How to come from each version to the next; the last is today's.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE files (path TEXT PRIMARY KEY, size INTEGER NOT NULL, modified INTEGER NOT NULL, hash BLOB) WITHOUT ROWID;
    CREATE TABLE photos (hash BLOB PRIMARY KEY, width INTEGER NOT NULL, height INTEGER NOT NULL,
                         measures BLOB NOT NULL, measures_made TEXT NOT NULL);
    CREATE TABLE models (id INTEGER PRIMARY KEY, fingerprint TEXT NOT NULL UNIQUE);
    CREATE TABLE vectors (model INTEGER NOT NULL, hash BLOB NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (model, hash));
    CREATE TABLE texts (model TEXT NOT NULL, prompt TEXT NOT NULL, vector BLOB NOT NULL, PRIMARY KEY (model, prompt));
    CREATE TABLE calibrations (model TEXT NOT NULL, catalog TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (model, catalog));
", "
    CREATE TABLE heads (model TEXT NOT NULL, category TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (model, category));
    CREATE TABLE samples (id INTEGER PRIMARY KEY CHECK (id = 1), body TEXT NOT NULL);
"];

/// The version of this program's index.
const TODAY: u32 = MIGRATIONS.len() as u32;

/// How long one run waits for another's write.
const PATIENCE: Duration = Duration::from_secs(30);

/// Opens the file, or creates it with its folder. A damaged file in phototag's own folder is renamed,
/// with a warning; anywhere else it is left alone and refused.
pub(super) fn open(path: &Path) -> Result<(Connection, Option<Warning>)> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).with_context(|| {
            format!(
                "{}: cannot create the folder for the index\n\nTo keep it elsewhere, use --index FILE (and --out FILE for tags.json).\n",
                folder.display()
            )
        })?;
    }
    let damaged = match prepare(path) {
        Ok(connection) => return Ok((connection, None)),
        Err(error) if is_damage(&error) => error,
        Err(error) => return Err(error),
    };
    if folder.and_then(Path::file_name) != Some(FOLDER.as_ref()) {
        bail!(
            "{}: damaged, or not a phototag index ({})\n\nDelete it, or choose another file with --index.",
            path.display(),
            damaged.root_cause()
        );
    }
    let aside = path.with_extension("damaged");
    std::fs::rename(path, &aside).with_context(|| {
        format!(
            "{}: the index is damaged and cannot be renamed",
            path.display()
        )
    })?;
    for left in ["sqlite-wal", "sqlite-shm"] {
        let _ = std::fs::remove_file(path.with_extension(left));
    }
    let warning = Warning::DamagedIndex {
        index: path.to_owned(),
        moved_to: aside,
    };
    Ok((prepare(path)?, Some(warning)))
}

fn prepare(path: &Path) -> Result<Connection> {
    let place = || {
        format!(
            "{}: cannot open the index for writing\n\nTo keep it elsewhere, use --index FILE.\n",
            path.display()
        )
    };
    let mut connection = Connection::open(path).with_context(place)?;
    connection.busy_timeout(PATIENCE)?;
    // In one look: another run may just be making the file.
    let (version, application, tables): (u32, i32, u32) = connection
        .query_row(
            "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema)
             FROM pragma_user_version, pragma_application_id",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .with_context(place)?;
    if application != APPLICATION && tables > 0 {
        bail!(
            "{}: not a phototag index\n\nChoose another file with --index.",
            path.display()
        );
    }
    if version > TODAY {
        bail!(
            "{}: written by a newer version of phototag (index version {version}; this program supports {})\n\nUpdate phototag, or use another index with --index FILE.",
            path.display(),
            TODAY
        );
    }
    write_ahead(&connection).with_context(place)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Otherwise each new value bound to a query for one photo would have that query planned again.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if version < TODAY {
        migrate(&mut connection).with_context(place)?;
    }
    Ok(connection)
}

/// Turns on the write-ahead log. While another run does the same to a new file, SQLite says that it is busy
/// at once: it asks no busy handler where two could wait for each other.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let since = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && since.elapsed() < PATIENCE =>
            {
                thread::sleep(Duration::from_millis(5));
            }
            result => return result,
        }
    }
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let step = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    // Another run may have migrated while this one waited.
    let version: u32 = step.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    for migration in MIGRATIONS.iter().skip(version as usize) {
        step.execute_batch(migration)?;
    }
    step.pragma_update(None, "application_id", APPLICATION)?;
    step.pragma_update(None, "user_version", TODAY)?;
    step.commit()
}

fn is_damage(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<rusqlite::Error>())
        .any(|error| {
            matches!(
                error.sqlite_error_code(),
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
            )
        })
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn runs_that_make_the_same_index_at_once_wait_for_one_another() {
        for _ in 0..50 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("index.sqlite");
            let start = Barrier::new(4);
            thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| {
                        start.wait();
                        open(&path).unwrap();
                    });
                }
            });
        }
    }
}
