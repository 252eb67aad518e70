//! What every page of ours must be, read from its text: it asks for nothing from elsewhere, has a language, a title, one
//! first heading and no gaps after it, names for pictures, heads for tables, a way for the keyboard to everything.

use std::collections::BTreeSet;

/// An opening or closing tag.
struct Tag {
    name: String,
    closes: bool,
    attributes: Vec<(String, String)>,
    /// The text up to the next tag.
    text: String,
}

impl Tag {
    fn get(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    fn opens(&self, name: &str) -> bool {
        !self.closes && self.name == name
    }
}

/// Every tag of a page, what stands in `style`, and what stands in `script`, apart.
fn read(page: &str) -> (Vec<Tag>, String, String) {
    let (mut tags, mut style, mut script) = (Vec::new(), String::new(), String::new());
    let mut rest = page;
    while let Some((_, from)) = rest.split_once('<') {
        let (inside, after) = from.split_once('>').expect("a tag ends");
        let text = after.split('<').next().unwrap_or_default();
        let mut tag = tag(inside, text);
        rest = after;
        if tag.opens("style") || tag.opens("script") {
            let (raw, more) = after.split_once(&format!("</{}", tag.name)).expect("it is closed");
            if tag.name == "style" { &mut style } else { &mut script }.push_str(raw);
            tag.text.clear();
            rest = more;
        }
        tags.push(tag);
    }
    (tags, style, script)
}

fn tag(inside: &str, text: &str) -> Tag {
    let closes = inside.starts_with('/');
    let inside = inside.trim_matches('/');
    let (name, mut rest) = inside.split_once(|c: char| c.is_whitespace()).unwrap_or((inside, ""));
    let mut attributes = Vec::new();
    while let Some((name, after)) = rest.split_once('=') {
        let mut parts = after.splitn(3, '"');
        assert_eq!(parts.next(), Some(""), "a value stands in quotes: {inside}");
        let value = parts.next().unwrap_or_default();
        let name = name.split_whitespace().last().unwrap_or_default();
        attributes.push((name.to_owned(), value.to_owned()));
        rest = parts.next().unwrap_or_default();
    }
    Tag { name: name.to_lowercase(), closes, attributes, text: text.to_owned() }
}

/// Everything that is not as it must be.
pub fn broken(page: &str) -> Vec<String> {
    let (tags, style, script) = read(page);
    let mut found = Vec::new();
    found.extend(asks(&tags, &style, &script));
    found.extend(head(&tags));
    found.extend(headings(&tags));
    found.extend(names(&tags));
    found.extend(tables(&tags));
    found.extend(keyboard(&tags, &style));
    found.extend(colours(&tags));
    found
}

/// What would make a browser ask somebody.
fn asks(tags: &[Tag], style: &str, script: &str) -> Vec<String> {
    let mut found = Vec::new();
    for tag in tags {
        for (name, value) in &tag.attributes {
            let url = ["src", "href", "srcset", "action", "data", "poster", "xlink:href", "ping"]
                .contains(&name.as_str());
            let own = value.starts_with('#')
                || value == "data:,"
                || (value.starts_with('/') && !value.starts_with("//"));
            if url && !own {
                found.push(format!("<{}> {name}={value} leads elsewhere", tag.name));
            }
            let paints = value.contains("url(") && !value.contains("url(#");
            if paints || name.starts_with("on") && !name.starts_with("one") {
                found.push(format!("<{}> {name}={value}", tag.name));
            }
        }
        if ["img", "iframe", "object", "embed", "video", "audio", "base", "form", "image"]
            .contains(&tag.name.as_str())
        {
            found.push(format!("<{}>", tag.name));
        }
    }
    for word in ["url(", "@import", "@font-face", "http:", "https:", "src:"] {
        if style.contains(word) {
            found.push(format!("{word} in its style"));
        }
    }
    for word in ["http:", "https:", "import ", "WebSocket", "sendBeacon"] {
        if script.contains(word) {
            found.push(format!("{word} in its script"));
        }
    }
    // The status page alone has a script, and asks only where it came from.
    if script.matches("fetch(").count() != script.matches("fetch(\"/").count() {
        found.push("its script asks elsewhere".to_owned());
    }
    found
}

fn head(tags: &[Tag]) -> Vec<String> {
    let mut found = Vec::new();
    if !tags.iter().any(|tag| tag.opens("html") && tag.get("lang").is_some_and(|lang| !lang.is_empty())) {
        found.push("no language".to_owned());
    }
    let first = tags.iter().find(|tag| tag.opens("title"));
    if first.is_none_or(|title| title.text.trim().is_empty()) {
        found.push("no title".to_owned());
    }
    if !tags.iter().any(|tag| tag.get("name") == Some("viewport")) {
        found.push("no width for small screens".to_owned());
    }
    if tags.iter().filter(|tag| tag.opens("main")).count() != 1 {
        found.push("not one main".to_owned());
    }
    found
}

fn headings(tags: &[Tag]) -> Vec<String> {
    let level = |tag: &Tag| match tag.name.as_bytes() {
        [b'h', level @ b'1'..=b'6'] if !tag.closes => Some(u32::from(level - b'0')),
        _ => None,
    };
    let levels: Vec<u32> = tags.iter().filter_map(level).collect();
    let mut found = Vec::new();
    if levels.iter().filter(|level| **level == 1).count() != 1 || levels.first() != Some(&1) {
        found.push("not one first heading".to_owned());
    }
    if levels.windows(2).any(|two| two[1] > two[0] + 1) {
        found.push(format!("a gap in the headings {levels:?}"));
    }
    found
}

/// Pictures and ids.
fn names(tags: &[Tag]) -> Vec<String> {
    let mut found = Vec::new();
    let ids: Vec<&str> = tags.iter().filter_map(|tag| tag.get("id")).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    if ids.len() != known.len() {
        found.push("an id is there twice".to_owned());
    }
    for tag in tags {
        for by in ["aria-labelledby", "aria-describedby"].iter().filter_map(|name| tag.get(name)) {
            found.extend(
                by.split_whitespace()
                    .filter(|id| !known.contains(id))
                    .map(|id| format!("nothing is called {id}")),
            );
        }
        let named = tag.get("aria-labelledby").or(tag.get("aria-label")).is_some_and(|name| !name.is_empty());
        let hidden = tag.get("aria-hidden") == Some("true");
        if tag.opens("svg") && !hidden && !(named && tag.get("role").is_some()) {
            found.push("a picture without a name".to_owned());
        }
        let target = tag.get("href").and_then(|href| href.strip_prefix('#'));
        found.extend(target.filter(|id| !known.contains(id)).map(|id| format!("#{id} leads nowhere")));
    }
    found
}

fn tables(tags: &[Tag]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in tags.iter().enumerate().filter(|(_, tag)| tag.opens("table")) {
        let inside = tags[at..].iter().take_while(|tag| !(tag.closes && tag.name == "table"));
        let heads: Vec<&Tag> = inside.filter(|tag| tag.opens("th")).collect();
        if !heads.iter().any(|head| head.get("scope") == Some("col"))
            || heads.iter().any(|head| head.get("scope").is_none())
        {
            found.push("a table's heads say not of what".to_owned());
        }
    }
    found
}

/// Nothing is out of the keyboard's reach, and one sees where one is.
fn keyboard(tags: &[Tag], style: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !style.contains(":focus-visible") {
        found.push("focus cannot be seen".to_owned());
    }
    for (at, tag) in tags.iter().enumerate() {
        if tag.get("tabindex").is_some_and(|index| index != "0" && index != "-1") {
            found.push("an order of its own for the keyboard".to_owned());
        }
        let scrolls = tag.opens("pre")
            || tag.get("class").is_some_and(|class| class.split(' ').any(|one| one == "wide"));
        if scrolls && tag.get("tabindex") != Some("0") {
            found.push(format!("<{}> scrolls, but not by the keyboard", tag.name));
        }
        if tag.opens("details") && !tags.get(at + 1).is_some_and(|next| next.opens("summary")) {
            found.push("what is folded has no summary".to_owned());
        }
        if tag.opens("a") && tag.get("href").is_none() {
            found.push("a link that leads nowhere".to_owned());
        }
    }
    found
}

/// What has a colour for its state has a word for it: a badge holds letters.
fn colours(tags: &[Tag]) -> Vec<String> {
    let coloured = tags.iter().enumerate().filter(|(_, tag)| {
        let classes = tag.get("class").unwrap_or_default();
        !tag.closes && classes.split(' ').any(|class| class == "badge" || class == "gravity")
    });
    let wordless = coloured.filter(|(at, tag)| {
        let inside = tags[*at..].iter().take_while(|one| !(one.closes && one.name == tag.name));
        !inside.flat_map(|one| one.text.chars()).any(char::is_alphanumeric)
    });
    wordless.map(|(_, tag)| format!("{:?} is only a colour", tag.get("class"))).collect()
}

#[test]
fn the_law_can_be_broken() {
    let good = "<!doctype html><html lang=\"en\"><head><meta name=\"viewport\" content=\"x\"><title>t</title>\
                <style>:focus-visible {}</style></head><body><main><h1>a</h1><h2>b</h2><svg role=\"img\" \
                aria-label=\"x\"></svg><table><tr><th scope=\"col\">c</th></tr></table><pre tabindex=\"0\"></pre>\
                <details><summary>s</summary></details><span class=\"badge\">✓ ok</span></main></body></html>";
    assert_eq!(broken(good), Vec::<String>::new());
    for (what, instead) in [
        (" lang=\"en\"", ""),
        ("<title>t", "<title>"),
        ("<h2>", "<h3>"),
        ("<h1>", "<h2>"),
        (" aria-label=\"x\"", ""),
        (" scope=\"col\"", ""),
        ("<pre tabindex=\"0\">", "<pre>"),
        ("<summary>s</summary>", ""),
        ("✓ ok", "✓"),
        ("<main>", "<main><img src=\"https://example.org/x\">"),
        ("<main>", "<main><a href=\"//example.org/x\">x</a>"),
        (":focus-visible {}", ":focus-visible {} @import 'x';"),
        (":focus-visible {}", ":focus-visible { background: url(x) }"),
        (":focus-visible {}", ""),
        ("<main>", "<main><a href=\"#x\">x</a>"),
        ("</style>", "</style><script>fetch(\"//example.org\"); fetch(x)</script>"),
    ] {
        assert!(good.contains(what), "{what}");
        assert!(!broken(&good.replace(what, instead)).is_empty(), "{what} -> {instead}");
    }
}
