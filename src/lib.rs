pub mod site;
pub mod transport;
