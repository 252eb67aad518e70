pub mod lab;
pub mod site;
