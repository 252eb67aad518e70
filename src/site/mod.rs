pub mod diagnostic;
pub mod id;
pub mod source;
pub mod yaml;
