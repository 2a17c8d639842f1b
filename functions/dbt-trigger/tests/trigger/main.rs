//! The real binary, spoken to over HTTP, with a dbt beneath it that does what each test says
//! (`tests/fake_dbt`). Needs a Python interpreter: `DBT_PYTHON`, else `python3`.

mod actions;
mod answers;
mod callers;
mod endings;
mod events;
mod executables;
mod issuer;
mod projects;
mod records;
mod runs;
mod secrets;
mod snapshots;
mod starts;
mod support;
