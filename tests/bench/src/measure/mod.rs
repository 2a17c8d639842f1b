//! The measurements.

mod bigquery_like;
mod event;
mod first_sync;
mod first_sync_page;
mod growth;
mod idle;
mod start;
mod trigger;
mod warehouse;

use local_stack::Failed;
use serde_json::Value;

use crate::lab::Lab;
use crate::page::Page;

/// One measurement.
pub struct Measurement {
    /// Its name on the command line and in the results.
    pub name: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// Takes it: figures, in a form of its own.
    pub run: fn(&Lab) -> Result<Value, Failed>,
    /// Shows its figures.
    pub page: fn(&Value) -> Page,
}

/// All, in the order in which they run.
pub const ALL: &[Measurement] = &[
    Measurement {
        name: "first_sync",
        title: "First sync",
        run: first_sync::run,
        page: first_sync_page::page,
    },
    Measurement {
        name: "idle",
        title: "Idle and almost idle syncs",
        run: idle::run,
        page: idle::page,
    },
    Measurement {
        name: "warehouse",
        title: "From page to committed rows",
        run: warehouse::run,
        page: warehouse::page,
    },
    Measurement {
        name: "start",
        title: "Start",
        run: start::run,
        page: start::page,
    },
    Measurement {
        name: "trigger",
        title: "dbt-trigger",
        run: trigger::run,
        page: trigger::page,
    },
    Measurement {
        name: "event",
        title: "From an event to a mart",
        run: event::run,
        page: event::page,
    },
    Measurement {
        name: "growth",
        title: "Growth",
        run: growth::run,
        page: growth::page,
    },
    Measurement {
        name: "bigquery-like",
        title: "At BigQuery's pace",
        run: bigquery_like::run,
        page: bigquery_like::page,
    },
];
