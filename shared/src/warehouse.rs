//! Raw tables in BigQuery: made when missing, and only ever changed by [`Warehouse::commit`], which
//! upserts rows and advances their cursor in one transaction.
//!
//! The same code serves BigQuery and its local emulator; only the endpoints and the credentials
//! differ. Forms that one of the two lacks are avoided: `MERGE … INSERT ROW`, `@@row_count`, `ASSERT`,
//! exception blocks, more than one `ALTER` in a statement.

mod changes;
mod commit;
mod connection;
mod cursor;
mod encode;
mod error;
mod fit;
#[cfg(test)]
mod fuzz;
mod lease;
mod persist;
mod probe;
mod refusal;
#[cfg(test)]
mod refused;
mod schema;
mod settings;
mod soft_delete;
mod sql;
mod stage;
mod tables;
mod value;

pub use changes::{Change, Position};
pub use commit::{Commit, TableRows, Written, last_of_each_key, mark_after, newest_mark};
pub use connection::{ResultRow, Warehouse};
pub use cursor::Cursor;
pub use error::Error;
pub use fit::{Cut, fit};
pub use lease::{Acquired, Guard as LeaseGuard};
pub use probe::Failed as ProbeFailed;
pub use refusal::{Reason, Refusal};
pub use schema::{Column, Kind, Table};
pub use settings::{Emulator, Settings};
pub use sql::{CompleteSet, CursorMove, Lease, Mark, SoftDelete, Within, one_of};
pub use tables::SchemaDiff;
pub use value::{Row, Value, row_hash, row_size};
