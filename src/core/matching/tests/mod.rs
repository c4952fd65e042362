//! Tests of the rules, by name and against an independent model.

mod counts;
mod deadlines;
mod failures;
mod ids;
mod items;
mod kept;
mod lines;
mod model;
mod outcomes;
mod property;
mod rules;
mod story;
