//! The pages of the repository: their code blocks, and the parts of them that are written by machine.

use std::fs;
use std::path::{Path, PathBuf};

/// A Markdown file.
pub struct Page {
    pub path: PathBuf,
    pub text: String,
}

/// A fenced block of code.
pub struct Block {
    /// What stands behind the backquotes: `yaml,playbook`.
    pub kind: String,
    pub text: String,
    /// `README.md:12`.
    pub place: String,
}

/// Every page there is, in a fixed order.
pub fn pages() -> Vec<Page> {
    let mut paths: Vec<PathBuf> =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(PathBuf::from).into();
    walk(Path::new("book/src"), &mut paths);
    paths.sort();
    paths.into_iter().map(Page::read).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

impl Page {
    pub fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    /// The blocks of one kind.
    pub fn blocks(&self, kind: &str) -> Vec<Block> {
        self.all_blocks().into_iter().filter(|block| block.kind == kind).collect()
    }

    pub fn all_blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(kind) = line.strip_prefix("```") else { continue };
            let body: Vec<&str> =
                lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let place = format!("{}:{}", self.path.display(), number + 1);
            blocks.push(Block { kind: kind.to_owned(), text: body.join("\n") + "\n", place });
        }
        blocks
    }

    /// Names in `<!-- WORD NAME -->`, in order.
    pub fn marked(&self, word: &str) -> Vec<String> {
        let names = self.text.lines().filter_map(|line| line.strip_prefix("<!-- ")?.strip_suffix(" -->"));
        names.filter_map(|text| Some(text.strip_prefix(word)?.strip_prefix(' ')?.to_owned())).collect()
    }

    /// Every part between `<!-- WORD NAME -->` and `<!-- end -->` written anew. With `REVEILLE_UPDATE` the file is too;
    /// otherwise it is an error if that would change anything.
    pub fn hold(&self, word: &str, write: impl Fn(&str) -> String) {
        let mut wanted = String::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            wanted.push_str(line);
            wanted.push('\n');
            let name = line.strip_prefix("<!-- ").and_then(|text| text.strip_suffix(" -->"));
            if let Some(name) = name.and_then(|text| text.strip_prefix(word)?.strip_prefix(' ')) {
                wanted.extend(["\n", &write(name), "\n<!-- end -->\n"]);
                assert!(
                    lines.any(|line| line == "<!-- end -->"),
                    "{}: `{line}` has no end",
                    self.path.display()
                );
            }
        }
        if std::env::var_os("REVEILLE_UPDATE").is_some() {
            fs::write(&self.path, &wanted).unwrap();
        } else {
            let same = self.text == wanted;
            assert!(same, "{} is not current: run with REVEILLE_UPDATE=1", self.path.display());
        }
    }
}
