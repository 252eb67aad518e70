//! Runs a plan: one dispatcher owns the state, one future per step, every act journaled before it happens.

pub mod event;
