//! What the black-box tests share: one warehouse for all of a process, and for each test a GitLab, a
//! connector and datasets of its own, so that tests run side by side.

mod compare;
pub mod fivetran;
mod world;

pub use compare::{TABLES, assert_equal_to_gitlab, assert_table_equals, key_of, table_difference, warehouse_rows};
pub use world::{TRIGGER_TOKEN, World, warehouse, written};
