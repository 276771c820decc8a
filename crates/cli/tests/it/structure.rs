//! The shape of the code: crates depend only downward, and the modules of a crate not in a circle.
//!
//! Sources are read as text: paths that begin with `crate::` or `super::` count, tests do not, and neither does a
//! module's dependence on its own parent or child.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// From the bottom up.
const CRATES: [&str; 6] = ["kernels", "clip", "starter", "core", "gallery", "cli"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn crates_depend_only_downward() {
    for (at, name) in CRATES.iter().enumerate() {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest.split("[dev-dependencies]").next().unwrap();
        for above in &CRATES[at + 1..] {
            let dependency = format!("\nphototag-{above}.");
            assert!(
                !dependencies.contains(&dependency),
                "{name} depends on {above}"
            );
        }
    }
}

#[test]
fn modules_depend_on_each_other_in_no_circle() {
    let circles: Vec<String> = CRATES
        .iter()
        .flat_map(|name| circles(&dependencies(&root().join(name).join("src"))))
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn a_circle_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("lib.rs", "mod a;\nmod b;\n");
    write(
        "a/mod.rs",
        "mod inner;\nuse crate::b::{X, y::Z};\nuse inner::I;\n",
    );
    write("a/inner.rs", "use super::P;\n");
    write(
        "b.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::a::Q;\n}\n",
    );
    assert!(circles(&dependencies(folder.path())).is_empty());
    write("b.rs", "fn f() { crate::a::g() } // crate::c\n");
    assert_eq!(circles(&dependencies(folder.path())), ["a, b"]);
}

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Each module below a crate's `src` with those it uses.
fn dependencies(src: &Path) -> Graph {
    let mut files = Vec::new();
    collect(src, &mut files);
    let modules: BTreeMap<String, String> = files
        .iter()
        .map(|file| (module(src, file), fs::read_to_string(file).unwrap()))
        .collect();
    let mut graph = Graph::new();
    for (name, text) in &modules {
        let product = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let code = product.lines().map(|line| line.split("//").next().unwrap());
        let used = paths(&code.collect::<Vec<_>>().join("\n"), name)
            .into_iter()
            .filter_map(|path| longest_module(&path, &modules))
            .filter(|used| !is_relative(used, name));
        graph.insert(name.clone(), used.collect());
    }
    graph
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|ending| ending == "rs")
            && path.file_stem().is_none_or(|stem| stem != "tests")
            && !path
                .parent()
                .is_some_and(|folder| folder.ends_with("tests"))
        {
            files.push(path);
        }
    }
}

/// "a::b" for a/b.rs and a/b/mod.rs; empty for the crate's root.
fn module(src: &Path, file: &Path) -> String {
    let path = file.strip_prefix(src).unwrap().with_extension("");
    let parts = path.iter().map(|part| part.to_str().unwrap());
    let parts: Vec<&str> = parts
        .filter(|part| !["mod", "lib", "main"].contains(part))
        .collect();
    parts.join("::")
}

/// All paths from the crate's root that a module's text names, those in braces one by one.
fn paths(text: &str, module: &str) -> Vec<String> {
    let mut found = Vec::new();
    let parent = module.rsplit_once("::").map_or("", |(parent, _)| parent);
    for (prefix, base) in [("crate::", ""), ("super::", parent)] {
        for (at, _) in text.match_indices(prefix) {
            let is_word =
                text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if !is_word && !text[..at].ends_with("pub(in ") {
                expand(&text[at + prefix.len()..], base, &mut found);
            }
        }
    }
    found
}

/// The paths that begin at the start of `text`, below `base`.
fn expand(text: &str, base: &str, found: &mut Vec<String>) {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let path = text[..end.unwrap_or(text.len())].trim_end_matches(':');
    let path = [base, path].into_iter().filter(|part| !part.is_empty());
    let path = path.collect::<Vec<_>>().join("::");
    let rest = &text[end.unwrap_or(text.len())..];
    let Some(inside) = rest.strip_prefix('{') else {
        found.push(path);
        return;
    };
    let mut depth = 0;
    let mut start = 0;
    for (at, c) in inside.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                expand(inside[start..at].trim_start(), &path, found);
                start = at + 1;
                if c == '}' {
                    return;
                }
            }
            _ => {}
        }
    }
}

/// The module that a path leads into; `None` for items of the root.
fn longest_module(path: &str, modules: &BTreeMap<String, String>) -> Option<String> {
    let mut path = path;
    loop {
        if modules.contains_key(path) {
            return (!path.is_empty()).then(|| path.to_owned());
        }
        path = path.rsplit_once("::")?.0;
    }
}

/// Whether one is the other, or its parent, at any distance.
fn is_relative(a: &str, b: &str) -> bool {
    let below = |a: &str, b: &str| b.is_empty() || a.starts_with(&format!("{b}::"));
    a == b || below(a, b) || below(b, a)
}

/// The groups of modules that reach each other.
fn circles(graph: &Graph) -> Vec<String> {
    let reached: Graph = graph
        .keys()
        .map(|start| {
            let mut seen = BTreeSet::new();
            let mut open: Vec<&String> = graph[start].iter().collect();
            while let Some(next) = open.pop() {
                if seen.insert(next.clone()) {
                    open.extend(graph.get(next).into_iter().flatten());
                }
            }
            (start.clone(), seen)
        })
        .collect();
    let groups: BTreeSet<String> = reached
        .iter()
        .filter(|(module, seen)| seen.contains(*module))
        .map(|(module, seen)| {
            let group = seen.iter().filter(|other| reached[*other].contains(module));
            group.cloned().collect::<Vec<_>>().join(", ")
        })
        .collect();
    groups.into_iter().collect()
}
