//! All black-box tests in one program, so that they share one warehouse.

mod dbt;
mod errors;
mod fivetran;
mod start;
mod sync;
