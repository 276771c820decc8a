//! Which of a repository's files a model needs, or why there is no model in it that can be read.
//!
//! Three layouts are known, in this order: an ONNX pair, open_clip's, transformers'. A repository
//! often holds the same weights several times; one time is fetched. Files are given in the order
//! in which they should come: small ones first, weights last.

use crate::config::Layout;

/// Files beside the weights that say how text becomes tokens.
const TOKENIZER: [&str; 3] = [
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
];
/// The older form, where there is no tokenizer.json.
const VOCABULARY: [&str; 2] = ["vocab.json", "merges.txt"];

/// The needed files, or a reason with the way out.
pub(super) fn choose(files: &[String]) -> Result<Vec<&str>, String> {
    let has = |name: &str| files.iter().any(|file| file == name);
    let wanted = if has("visual/model.onnx") && has("textual/model.onnx") {
        onnx(files)
    } else if let Some(layout) = Layout::of(has) {
        safetensors(files, layout)
    } else {
        return Err(why_none(files));
    };
    match wanted.iter().find(|name| !is_plain(name)) {
        Some(name) => Err(format!(
            "needs a file named {name:?}, which cannot be a file name on every system"
        )),
        None => Ok(wanted),
    }
}

fn present<'a>(files: &'a [String], names: &[&str]) -> Vec<&'a str> {
    let find = |name: &&str| files.iter().find(|file| file == name).map(String::as_str);
    names.iter().filter_map(find).collect()
}

fn safetensors(files: &[String], layout: Layout) -> Vec<&str> {
    let mut wanted = present(files, &layout.configs());
    wanted.extend(present(files, &TOKENIZER));
    if !wanted.contains(&"tokenizer.json") {
        wanted.extend(present(files, &VOCABULARY));
    }
    wanted.extend(present(files, &[layout.weights()]));
    // What an index lists is known once it has come; these are the names that it has in practice.
    if let Some(stem) = layout.weights().strip_suffix(".safetensors.index.json") {
        let is_shard = |file: &&str| {
            let rest = file.strip_prefix(stem).and_then(|f| f.strip_prefix('-'));
            rest.is_some_and(|rest| rest.contains("-of-") && rest.ends_with(".safetensors"))
        };
        wanted.extend(files.iter().map(String::as_str).filter(is_shard));
    }
    wanted
}

/// All that lies directly beside the two graphs, since weights may lie there under any name;
/// without the forms for other programs and chips.
fn onnx(files: &[String]) -> Vec<&str> {
    let beside = |file: &&str| {
        let name = file
            .strip_prefix("visual/")
            .or_else(|| file.strip_prefix("textual/"));
        name.is_some_and(|name| {
            let other = [".armnn", ".rknn", ".md"]
                .iter()
                .any(|end| name.ends_with(end));
            let graph = name.ends_with(".onnx") && name != "model.onnx";
            !(name.contains('/') || name.starts_with('.') || other || graph)
        })
    };
    let is_text = |file: &&str| file.ends_with(".json") || file.ends_with(".txt");
    let all = || files.iter().map(String::as_str).filter(beside);
    let mut wanted = present(files, &["config.json", "reference.safetensors"]);
    wanted.extend(all().filter(is_text));
    wanted.extend(all().filter(|file| !is_text(file)));
    wanted
}

fn is_plain(name: &str) -> bool {
    name.split('/').all(|part| {
        part.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && !part.ends_with('.')
    })
}

fn why_none(files: &[String]) -> String {
    let find = |test: &dyn Fn(&str) -> bool| files.iter().find(|file| test(file));
    let pickled = |file: &str| {
        [".bin", ".pt", ".pth", ".ckpt", ".pkl"]
            .iter()
            .any(|end| file.ends_with(end))
    };
    let has_weights = find(&|file| file.ends_with(".safetensors")).is_some();
    if let Some(file) = find(&pickled).filter(|_| !has_weights) {
        return format!(
            "refused: its weights are only there as a pickle ({file}), which can run any code \
             when it is read\n\nTake a repository or revision with .safetensors weights \
             (`phototag model list` names some)."
        );
    }
    "holds no model of a known layout: neither open_clip_config.json with \
     open_clip_model.safetensors, nor config.json with model.safetensors, nor visual/model.onnx \
     with textual/model.onnx\n\n`phototag model list` names models that can be read."
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(files: &[&str]) -> Result<String, String> {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        choose(&files).map(|names| names.join(" "))
    }

    #[test]
    fn takes_each_layout_once_and_nothing_else() {
        let tokens = ["tokenizer.json", "vocab.json", "merges.txt", "README.md"];
        let both = ["config.json", "model.safetensors", "pytorch_model.bin"];
        let open = ["open_clip_config.json", "open_clip_model.safetensors"];
        assert_eq!(
            chosen(&[&tokens[..], &both, &open].concat()).as_deref(),
            Ok("open_clip_config.json tokenizer.json open_clip_model.safetensors")
        );
        assert_eq!(
            chosen(&[&tokens[1..], &both, &["preprocessor_config.json"]].concat()).as_deref(),
            Ok("config.json preprocessor_config.json vocab.json merges.txt model.safetensors")
        );
        let sharded = [
            "config.json",
            "model.safetensors.index.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "other-00001-of-00002.safetensors",
        ];
        assert_eq!(
            chosen(&sharded).as_deref(),
            Ok(sharded[..4].join(" ").as_str())
        );
        let onnx = [
            "config.json",
            "visual/model.onnx",
            "visual/model.armnn",
            "visual/fp16/model.onnx",
            "visual/preprocess_cfg.json",
            "textual/model.onnx",
            "textual/token.weight",
            "textual/tokenizer.json",
            "rknpu/visual/model.rknn",
        ];
        assert_eq!(
            chosen(&onnx).as_deref(),
            Ok(
                "config.json visual/preprocess_cfg.json textual/tokenizer.json \
                visual/model.onnx textual/model.onnx textual/token.weight"
            )
        );
    }

    #[test]
    fn says_why_there_is_none() {
        let reason = |files: &[&str]| chosen(files).expect_err("no model");
        let pickled = reason(&["open_clip_config.json", "open_clip_pytorch_model.bin"]);
        assert!(
            pickled.contains("pickle (open_clip_pytorch_model.bin)"),
            "{pickled}"
        );
        assert!(reason(&["README.md"]).contains("no model of a known layout"));
        let odd = ["visual/model.onnx", "textual/model.onnx", "visual/a:b"];
        assert!(reason(&odd).contains("a:b"));
    }
}
