//! A page that stands alone: one file, no script, and a browser is told to fetch nothing for it. Pure.

use super::{Esc, LOOK};

const FRAME: &str = include_str!("frame.html");

/// What goes into the frame.
pub struct Frame<'a> {
    /// As it stands in the window's title.
    pub title: &'a str,
    /// Rules of its own, behind [`LOOK`].
    pub style: &'a str,
    /// What is in `main`, as HTML: one `h1` and what comes under it.
    pub main: &'a str,
}

impl Frame<'_> {
    /// The whole page.
    pub fn text(&self) -> String {
        let title = Esc(self.title).to_string();
        let mut page = String::with_capacity(FRAME.len() + LOOK.len() + self.style.len() + self.main.len());
        let mut rest = FRAME;
        // Each part once, in the order of the frame: what is put in is never looked at again.
        for (mark, part) in
            [("{title}", title.as_str()), ("{look}", LOOK), ("{style}", self.style), ("{main}", self.main)]
        {
            let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
            page.push_str(before);
            page.push_str(part);
            rest = after;
        }
        page + rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_not_looked_at_again() {
        let page = Frame { title: "<{main}>", style: "/* {main} */", main: "<h1>{title}</h1>" }.text();
        assert!(page.contains("<title>&lt;{main}&gt;</title>"), "{page}");
        assert!(page.contains("<h1>{title}</h1>") && page.contains("/* {main} */"), "{page}");
    }
}
