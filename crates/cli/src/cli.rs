//! Every command and flag, once, as typed: the doc comment of a field is its help text.
//!
//! Nothing is read or resolved here; [`phototag_core::collection`] makes of it what a run works with.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use phototag_clip as clip;
use phototag_core::collection::Place;
use phototag_core::decide::plan::Share;
use phototag_core::scan;
use phototag_core::truth::TruthFiles;

/// Tag a folder of photos with categories you describe in plain English, on your own CPU.
///
/// Nothing is uploaded. Each photo is embedded once: after you change a prompt in phototag.toml, tagging
/// again takes seconds at most.
#[derive(Debug, Parser)]
#[command(
    name = "phototag",
    version,
    max_term_width = 100,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,

    /// Hide progress and warnings
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// What subtracts a text from a search.
pub const MINUS: char = '\u{2212}';

/// The command line. `search` subtracts what begins with a hyphen, which the parser would take for
/// flags: a real minus sign replaces it there.
pub fn arguments() -> impl Iterator<Item = OsString> {
    let mut searching = false;
    std::env::args_os().enumerate().map(move |(at, argument)| {
        searching |= at > 0 && argument == "search";
        match argument.to_str().and_then(|text| text.strip_prefix('-')) {
            Some(text) if searching && text.chars().count() > 1 && !text.starts_with('-') => {
                format!("{MINUS}{text}").into()
            }
            _ => argument,
        }
    })
}

/// The file or folder that stands where a command should.
pub fn path_typed_as_command(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidSubcommand) {
        Some(ContextValue::String(typed)) if Path::new(typed).exists() => Some(typed),
        _ => None,
    }
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Init(InitArgs),
    Tag(TagArgs),
    Scores(ScoresArgs),
    Embed(EmbedArgs),
    Learn(LearnArgs),
    Eval(EvalArgs),
    Explain(ExplainArgs),
    Search(SearchArgs),
    Tune(TuneArgs),
    Gallery(GalleryArgs),
    /// List, download, import and delete models
    ///
    /// Downloaded models live in the Hugging Face cache, which Python programs share (HF_HOME,
    /// HF_HUB_CACHE). Set HF_ENDPOINT to use another hub, HF_TOKEN for private repositories, HTTPS_PROXY
    /// for a proxy, and HF_HUB_OFFLINE=1 to forbid connections. Imported models live in PHOTOTAG_MODELS.
    Model {
        #[command(subcommand)]
        command: ModelCommand,
    },
}

#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// List models: size, licence, accuracy, cost, and which are installed
    List,
    Pull(PullArgs),
    Import(ImportArgs),
    Check(CheckArgs),
    Remove(RemoveArgs),
    Where(WhereArgs),
}

/// Download a model (the only command that uses the network)
///
/// An interrupted download resumes when you run the command again. Every file's checksum is verified
/// before it is used.
#[derive(Debug, Args)]
pub struct PullArgs {
    /// A name from `phototag model list`, or OWNER/NAME or OWNER/NAME@REVISION on the Hugging Face hub
    #[arg(value_name = "MODEL")]
    pub name: String,
}

/// Install a model from a folder
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// The model's folder, or a file in it
    #[arg(value_name = "FOLDER|FILE")]
    pub path: PathBuf,

    /// Name to install it under [default: the folder's name]
    #[arg(long)]
    pub name: Option<String>,

    /// Link to the folder instead of copying it
    #[arg(long)]
    pub link: bool,
}

/// Measure each precision's speed and accuracy on your photos, and use the fastest that is accurate enough
///
/// Embeds a sample of your photos in f32, bf16 and int8 and compares the vectors. Later commands use the
/// chosen precision with this model unless you pass --precision.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Model name or folder
    #[arg(value_name = "MODEL")]
    pub model: String,

    /// Photo folders, or single photos
    #[arg(value_name = "DIR", required = true)]
    pub inputs: Vec<PathBuf>,

    /// How many photos to sample
    #[arg(long, value_name = "N", default_value = "64")]
    pub photos: NonZeroUsize,
}

/// Delete an installed model
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Model name
    #[arg(value_name = "MODEL")]
    pub name: String,

    /// Also delete a model from the Hugging Face cache, which Python programs share
    #[arg(long)]
    pub yes: bool,
}

/// Print the folder of a model, or the one for imported models
#[derive(Debug, Args)]
pub struct WhereArgs {
    /// Model name
    #[arg(value_name = "MODEL")]
    pub name: Option<String>,
}

/// Write a commented phototag.toml, the catalog of your categories, into a photo folder
#[derive(Debug, Args)]
pub struct InitArgs {
    /// The photo folder
    #[arg(value_name = "DIR", default_value = ".")]
    pub folder: PathBuf,

    /// Overwrite an existing phototag.toml
    #[arg(long)]
    pub force: bool,
}

/// Tag the photos in a folder and write tags.json
///
/// Prints a summary of the tags. Photos that were embedded before are not embedded again. After Ctrl-C,
/// run the command again to continue.
#[derive(Debug, Args)]
pub struct TagArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    /// Write tags.json to this file [default: tags.json in the photo folder]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,

    #[command(flatten)]
    pub overrides: OverridesArgs,

    /// Recompute automatic thresholds
    ///
    /// They are kept until the model or the catalog changes, so that new photos do not change the tags of
    /// old ones (below 40 photos they may: thresholds are recomputed each time the number has doubled).
    #[arg(long)]
    pub recalibrate: bool,

    /// Exit with 1 if a photo could not be read
    #[arg(long)]
    pub strict: bool,

    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
}

/// Print each photo's score for each category
///
/// Scores of prompted categories are cosine similarities, those of measured categories values from 0 to 1
#[derive(Debug, Args)]
pub struct ScoresArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    /// How to print them
    #[arg(long, value_enum, default_value_t = ScoresFormat::Table)]
    pub format: ScoresFormat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScoresFormat {
    Json,
    Csv,
    Table,
}

/// Show why a photo has its tags, and why not others
///
/// For each category, the nearest to its threshold first: score, threshold, rank among all photos,
/// the prompt that fits best, what was learned or corrected, and the photos with this tag that look
/// most alike.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// The photo: a path, also one below --folder
    #[arg(value_name = "PHOTO")]
    pub photo: PathBuf,

    /// The photo folder that it belongs to [default: the nearest above it that has an index]
    #[arg(long, value_name = "DIR")]
    pub folder: Option<PathBuf>,

    /// Explain only this category
    #[arg(long, value_name = "ID")]
    pub category: Option<String>,

    /// Write a PNG that highlights what speaks for --category [default: the photo's first tag]
    #[arg(long, value_name = "FILE")]
    pub heatmap: Option<PathBuf>,

    /// Write the explanation as an HTML page, with a heatmap for each category
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    pub place: PlaceArgs,

    #[command(flatten)]
    pub naming: NamingArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    #[command(flatten)]
    pub overrides: OverridesArgs,
}

/// Measure how good the tags are
///
/// Compares phototag's tags with what you said in answers.json, labels.json and overrides.json; what you did
/// not say is not measured. To start, --sample 60 draws photos from all of the collection and writes a page
/// to check them on.
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    #[command(flatten)]
    pub truth: TruthArgs,

    /// Pick about N photos to check by hand, and write the page to check them on
    #[arg(long, value_name = "N")]
    pub sample: Option<NonZeroUsize>,

    /// Write the page to this file [default: .phototag/eval.html, or .phototag/spot-check.html with
    /// --sample]
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Print the figures as JSON instead of writing a page
    #[arg(long)]
    pub json: bool,
}

/// Set thresholds in phototag.toml
///
/// Without labels, sets thresholds that give the number of tags you ask for. With labels (answers.json,
/// labels.json, overrides.json), picks the thresholds with the best F1, or those that reach a given
/// precision, by cross-validation. Comments and order in the file are preserved. Measured categories keep
/// their threshold unless --share names them.
#[derive(Debug, Args)]
pub struct TuneArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub truth: TruthArgs,

    /// Average number of tags per photo; ignores labels [default: tags_per_photo in the catalog]
    #[arg(long, value_name = "TAGS")]
    pub target: Option<f64>,

    /// Share or number of photos that should get a tag: wildlife=20% or wildlife=150
    #[arg(long, value_name = "ID=SHARE", value_parser = share)]
    pub share: Vec<(String, Share)>,

    /// Precision to reach on unseen photos, estimated from your labels: 0.95
    #[arg(long, value_name = "P", alias = "precision", conflicts_with = "target", value_parser = precision)]
    pub min_precision: Option<f64>,

    /// Show the changes without writing them
    #[arg(long)]
    pub dry_run: bool,
}

fn share(text: &str) -> Result<(String, Share), String> {
    let (id, amount) = text
        .rsplit_once('=')
        .ok_or("expected ID=SHARE, like wildlife=20% or wildlife=150")?;
    let share = match amount.strip_suffix('%') {
        Some(percent) => percent
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|percent| (0.0..=100.0).contains(percent))
            .map(|percent| Share::Part(percent / 100.0)),
        None => amount.trim().parse().ok().map(Share::Count),
    };
    let share = share.ok_or_else(|| format!("{amount:?} is neither a percentage nor a count"))?;
    Ok((id.to_owned(), share))
}

fn precision(text: &str) -> Result<f64, String> {
    let precision = text.parse().map_err(|_| "not a number".to_owned())?;
    if precision > 0.0 && precision <= 1.0 {
        Ok(precision)
    } else {
        Err("must be above 0 and at most 1".to_owned())
    }
}

/// Find the photos that match a description
///
/// Searches the index; photos must have been tagged once. Several texts are averaged, and a text that
/// starts with a minus is subtracted: phototag search DIR "a beach" "-people". --like finds photos that
/// look like an example, and can be combined with texts.
#[derive(Debug, Args)]
pub struct SearchArgs {
    /// The photo folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,

    /// Descriptions, written like photo captions
    #[arg(value_name = "TEXT", required_unless_present = "like", value_parser = search_text)]
    pub texts: Vec<String>,

    /// An example photo: a path, or a name that `search` prints
    #[arg(long, value_name = "PHOTO")]
    pub like: Option<PathBuf>,

    /// How many photos to show
    #[arg(long, value_name = "N", default_value = "20")]
    pub top: NonZeroUsize,

    /// Show only photos with at least this score
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    pub min: Option<f32>,

    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,

    /// Write an HTML page that shows the photos
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    #[command(flatten)]
    pub place: PlaceArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,
}

fn search_text(text: &str) -> Result<String, String> {
    if text.trim_matches(['-', MINUS, ' ']).is_empty() {
        return Err("the description is empty".to_owned());
    }
    Ok(text.to_owned())
}

/// Improve the tags of all photos from your corrections
///
/// Trains each category on answers.json, overrides.json and labels.json, and keeps the result only where
/// cross-validation shows that it is better. `phototag tag` uses it from then on; your corrections still
/// win. What was learned is in phototag.learned beside the catalog: `tag OTHER --config DIR/phototag.toml` uses
/// it too. Run it again after more corrections, or after a change of model or prompts.
#[derive(Debug, Args)]
pub struct LearnArgs {
    #[command(flatten)]
    pub collection: CollectionArgs,

    #[command(flatten)]
    pub exactness: ExactnessArgs,

    #[command(flatten)]
    pub truth: TruthArgs,

    /// Discard everything learned
    #[arg(long)]
    pub forget: bool,
}

/// Files with labels and corrections.
#[derive(Debug, Args)]
pub struct TruthArgs {
    /// Labels: the complete tags of some photos, in the format of tags.json [default: labels.json in the
    /// photo folder]
    #[arg(long, value_name = "FILE")]
    pub labels: Vec<PathBuf>,

    #[command(flatten)]
    pub overrides: OverridesArgs,
}

/// The owner's corrections.
#[derive(Debug, Args)]
pub struct OverridesArgs {
    /// Your corrections [default: overrides.json in the photo folder]
    ///
    /// {"50": ["architecture"]} replaces a photo's tags, {"15": {"add": ["winter"], "remove":
    /// ["bw"]}} corrects them. What answers.json in the photo folder says wins over both.
    #[arg(long, value_name = "FILE")]
    pub overrides: Option<PathBuf>,
}

/// Print vectors of photos and texts as JSON lines, photos first
#[derive(Debug, Args)]
pub struct EmbedArgs {
    /// Photos to embed
    #[arg(value_name = "FILE", required_unless_present = "text")]
    pub files: Vec<PathBuf>,

    /// Text to embed; can be repeated
    #[arg(long, value_name = "TEXT")]
    pub text: Vec<String>,

    /// Model name (`phototag model list`) or folder [default: the best installed]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    #[command(flatten)]
    pub exactness: ExactnessArgs,
}

/// Build a photo gallery from your tags: a website, or filter buttons for an existing page
///
/// Reads tags.json, so run `phototag tag DIR` first. Renders only what changed, and only ever replaces or
/// deletes files that phototag wrote.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("what").required(true).args(["out", "drop_in"]))]
pub struct GalleryArgs {
    /// The photo folder
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,

    /// Write a static site into this folder
    #[arg(long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,

    /// Write filter buttons for an existing page into this folder: a script, a stylesheet, categories.json
    /// and tags.json
    #[arg(long, value_name = "FOLDER")]
    pub drop_in: Option<PathBuf>,

    /// Tags to read [default: tags.json in the photo folder]
    #[arg(long, value_name = "FILE")]
    pub tags: Option<PathBuf>,

    #[command(flatten)]
    pub catalog: CatalogArgs,

    #[command(flatten)]
    pub naming: NamingArgs,

    /// Serve the site on this machine, and rebuild it when anything it is made of changes
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true, default_missing_value = "8420", requires = "out")]
    pub serve: Option<u16>,

    /// Keep GPS positions in the written photos
    #[arg(long, requires = "out")]
    pub keep_gps: bool,

    /// Exit with 1 if a photo could not be read
    #[arg(long)]
    pub strict: bool,

    /// Number of photos to render in parallel [default: number of cores]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Which photos, and where things are kept: the same for every command on a photo folder.
#[derive(Debug, Args)]
pub struct CollectionArgs {
    /// Photo folders or single photos; the first one holds the catalog, the index and tags.json
    #[arg(value_name = "DIR", default_value = ".")]
    pub inputs: Vec<PathBuf>,

    #[command(flatten)]
    pub place: PlaceArgs,

    #[command(flatten)]
    pub naming: NamingArgs,

    /// Number of photos to decode and embed in parallel [default: number of cores]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// Where the catalog is.
#[derive(Debug, Args)]
pub struct CatalogArgs {
    /// Catalog of categories [default: phototag.toml in the photo folder, else the built-in one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where what belongs to a photo folder is.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    #[command(flatten)]
    pub catalog: CatalogArgs,

    /// Model name or folder [default: the one named in the catalog]
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,

    /// Index file [default: .phototag/index.sqlite in the photo folder]
    #[arg(long, value_name = "FILE")]
    pub index: Option<PathBuf>,
}

/// Which files are photos, and their names.
#[derive(Debug, Args)]
pub struct NamingArgs {
    /// How photos are named in tags.json [default: as in phototag.toml, else stem]
    #[arg(long, value_enum)]
    key: Option<KeyStyle>,

    /// Follow links that lead out of the photo folder
    #[arg(long)]
    pub follow: bool,
}

impl NamingArgs {
    /// How photos are named, if it was typed.
    pub fn keys(&self) -> Option<scan::KeyStyle> {
        self.key.map(Into::into)
    }
}

/// `--key`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum KeyStyle {
    /// File name without extension: "15"
    Stem,
    /// File name: "15.jpg"
    Name,
    /// Path below the photo folder: "2019/15.jpg"
    Path,
}

impl From<KeyStyle> for scan::KeyStyle {
    fn from(style: KeyStyle) -> Self {
        match style {
            KeyStyle::Stem => Self::Stem,
            KeyStyle::Name => Self::Name,
            KeyStyle::Path => Self::Path,
        }
    }
}

impl PlaceArgs {
    /// The place that these flags and `folder` name.
    pub fn of(self, folder: PathBuf, precision: Option<clip::Precision>) -> Place {
        Place {
            config: self.catalog.config,
            model: self.model,
            index: self.index,
            precision,
            ..Place::of(folder)
        }
    }
}

impl CollectionArgs {
    /// The place that was typed.
    pub fn place(self, precision: Option<clip::Precision>) -> Place {
        Place {
            inputs: self.inputs,
            keys: self.naming.keys(),
            follow: self.naming.follow,
            jobs: self.jobs,
            ..self.place.of(PathBuf::new(), precision)
        }
    }
}

impl TruthArgs {
    /// The files that were named.
    pub fn files(self) -> TruthFiles {
        TruthFiles {
            labels: self.labels,
            overrides: self.overrides.overrides,
        }
    }
}

/// For every command that embeds, but `tune`, whose `--precision` is the one of tags.
#[derive(Debug, Args)]
pub struct ExactnessArgs {
    /// Arithmetic precision for safetensors models [default: the result of `phototag model check`, else the
    /// fastest that is as good as exact]
    #[arg(long)]
    pub precision: Option<Precision>,
}

/// `--precision`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Precision {
    /// Single precision
    F32,
    /// 16-bit products: as good as exact, fast on processors with bf16 instructions
    Bf16,
    /// 8-bit products: fastest; vectors differ slightly and are stored separately
    Int8,
}

impl ExactnessArgs {
    pub fn precision(&self) -> Option<clip::Precision> {
        self.precision.map(Into::into)
    }
}

impl From<Precision> for clip::Precision {
    fn from(asked: Precision) -> Self {
        match asked {
            Precision::F32 => Self::F32,
            Precision::Bf16 => Self::Bf16,
            Precision::Int8 => Self::Int8,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_table_is_sound_and_every_flag_explains_itself() {
        Cli::command().debug_assert();
        let mut commands = Vec::new();
        explained(&Cli::command(), "", &mut commands);
        assert!(commands.contains(&"phototag model pull".to_owned()));
    }

    /// Fails unless a command, its subcommands and all their arguments have help.
    fn explained(command: &clap::Command, parent: &str, commands: &mut Vec<String>) {
        let name = format!("{parent} {}", command.get_name());
        let name = name.trim_start();
        assert!(command.get_about().is_some(), "{name}");
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{name} {}",
                argument.get_id()
            );
        }
        for below in command.get_subcommands() {
            explained(below, name, commands);
        }
        commands.push(name.to_owned());
    }
}
