//! All black-box tests in one program, so that they share one warehouse.

mod ahead;
mod bodies;
mod choosing;
mod dbt;
mod deletions;
mod delivery;
mod errors;
mod fivetran;
mod fivetran_sdk;
mod hostile_page;
mod live_rows;
mod local_warehouse;
mod overlapping;
mod owed;
mod package;
mod renewed;
mod report;
mod start;
mod stopping;
mod strangers;
mod streams;
mod sync;
mod tables;
mod trigger;
mod version;
mod webhooks;
