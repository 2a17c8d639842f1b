//! A file that remembers what a simulator was made from and every change since: its first line holds the sizes, each
//! further line a change with its instant.

use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::changes::{Change, apply};
use crate::data::World;
use crate::generate::{self, Sizes};
use crate::instant::Instant;

/// Where changes are written down, if anywhere.
pub struct Journal(Option<File>);

#[derive(Serialize, Deserialize)]
struct Entry {
    /// Microseconds since 1970.
    at: Instant,
    change: Change,
}

impl Journal {
    /// A world without a memory.
    pub fn none(sizes: &Sizes) -> (Self, World) {
        (Self(None), generate::world(sizes))
    }

    /// The world of the journal at `path`, whose sizes win; a new one of `sizes` if there is no such file.
    ///
    /// # Errors
    /// A sentence if the file cannot be read or written, or holds something else.
    pub fn open(path: &Path, sizes: &Sizes) -> Result<(Self, World), String> {
        let failed =
            |problem: &dyn Display| format!("the journal {}: {problem}; remove it to begin anew", path.display());
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|e| failed(&e))?;
        }
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(&error)),
        };
        // A line without an end was being written when the simulator was killed: nobody was told of that change.
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        if whole == 0 && !text.is_empty() {
            return Err(failed(&"it has no whole line"));
        }
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).open(path).map_err(|e| failed(&e))?;
        file.set_len(whole as u64).map_err(|e| failed(&e))?;
        let mut lines = text[..whole].lines();
        let Some(first) = lines.next() else {
            write_line(&mut file, sizes).map_err(|e| failed(&e))?;
            return Ok((Self(Some(file)), generate::world(sizes)));
        };
        let sizes: Sizes = serde_json::from_str(first).map_err(|e| failed(&e))?;
        let mut world = generate::world(&sizes);
        for line in lines {
            let entry: Entry = serde_json::from_str(line).map_err(|e| failed(&e))?;
            apply(&mut world, &entry.change, entry.at).map_err(|e| failed(&e))?;
        }
        Ok((Self(Some(file)), world))
    }

    /// Writes a change down that has been made.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn add(&mut self, change: &Change, at: Instant) -> io::Result<()> {
        let Some(file) = &mut self.0 else { return Ok(()) };
        let change = change.clone();
        write_line(file, &Entry { at, change })
    }
}

/// One write per line, so that a kill leaves at most one broken line, the last.
fn write_line(file: &mut File, value: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_string(value)?;
    line.push('\n');
    file.write_all(line.as_bytes())
}
