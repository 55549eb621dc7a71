//! A byte stream of a `.tar.gz` in, the model in it out: framework, inputs, and every problem with its remedy.
//!
//! [`inspect`] reads the stream once and never back, in less than 32 MiB of memory whatever it holds: [`Limits`] says how
//! much is looked at and why. Nothing is written to disk, and nothing is unpickled or run. Each row of this table is held
//! by tests in `tests/inspect/table.rs`, its details by those beside it; what cannot be read is a warning, and [`Model::read`] is then false.
//!
//! | framework | files | what is read | what is not |
//! |---|---|---|---|
//! | ONNX | `.onnx` | IR version, operator sets, producer; graph inputs minus initializers, sparse ones too; whether external data is there | the weights |
//! | TENSORFLOW | `saved_model.pb`, `.pbtxt` with `variables/` | TensorFlow version; inputs of the signature `serving_default` or the only one, by name, with the tensors behind them | other signatures |
//! | TENSORFLOW | `.pb`, `.pbtxt` | graph version; `Placeholder` nodes; whether it is frozen | shapes that only the operations tell |
//! | KERAS | `.h5` | Keras version; input layers, or what a first layer implies; images as NCHW | configurations over 2 MiB or with over 1000 inputs, inputs without a name, attributes in a fractal heap: `read` is false |
//! | TFLITE | `.tflite` | schema version; inputs of subgraph 0 with the shapes an interpreter starts with | tables in the middle of a file over 8 MiB: `read` is false |
//! | PYTORCH | `.pth`, `.pt` | `TorchScript` told from pickles and exported programs, zipped or not | input shapes, which the file does not hold: `read` is false |
//! | MXNET | `-symbol.json`, `.params` | MXNet version; arguments minus parameters and labels, shapes where `__shape__` has them | parameters after a sparse one: `read` is false |
//! | DARKNET | `.cfg`, `.weights` | batch, channels, height and width of `[net]` | the weights |
//! | XGBOOST | `.model`, `xgboost-model` | version and number of features, from JSON, UBJSON or the old binary format | the trees |
//! | SKLEARN | `.pkl`, `.joblib` | nothing but the name: `read` is false | the pickle |

mod candidates;
mod content;
mod darknet;
mod element_type;
mod ends;
mod fault;
mod format;
mod framework;
mod gzip;
mod inspection;
mod json;
mod keras;
mod limits;
mod lookalike;
mod mxnet;
mod names;
mod onnx;
mod pax;
mod problem;
mod pytorch;
mod reading;
mod source;
mod survey;
mod tar;
mod tensorflow;
mod text_format;
mod tflite;
mod wire;
mod xgboost;

pub use element_type::ElementType;
pub use framework::{Framework, UnknownFramework};
pub use inspection::{Dim, Input, InspectError, Inspection, Layout, Member, Model};
pub use limits::Limits;
pub use problem::{Problem, Warning};

use fault::Fault;
use gzip::Gzip;
use survey::Survey;

/// Bytes after the end of the tar archive that are looked at: `tar` pads with zeros to 10 KiB.
const MAX_PADDING: usize = 16 * 1024;

/// Reads an archive once, from its first byte to its last, in less than 32 MiB of memory.
///
/// An error means that the reader failed. Whatever is wrong with the archive is among the inspection's problems.
pub fn inspect<R: std::io::Read>(mut archive: R, limits: &Limits) -> Result<Inspection, InspectError> {
    let mut survey = Survey::new(limits);
    let (fault, offset) = match Gzip::new(&mut archive, limits) {
        Ok(mut gzip) => match walk(&mut gzip, &mut survey, limits) {
            Ok(()) => return Ok(survey.finish()),
            Err(fault) => (fault, gzip.compressed()),
        },
        Err(failed) => failed,
    };
    match fault {
        Fault::Source(source) => Err(InspectError { offset, source }),
        Fault::Archive(problem) => Ok(survey.break_off(problem)),
    }
}

fn walk<'l>(gzip: &mut Gzip<'l>, survey: &mut Survey<'_>, limits: &'l Limits) -> Result<(), Fault> {
    let mut tar = tar::Tar::new(gzip, limits);
    while let Some(entry) = tar.next()? {
        let consumed = survey.visit(&entry, tar.content(&entry))?;
        tar.finish(&entry.path, entry.stored, consumed)?;
    }
    // On to the end all the same: the checksum is there.
    if gzip.peek(MAX_PADDING)?.iter().any(|byte| *byte != 0) {
        survey.warning(Warning::new(
            "tar-trailing-data",
            "data follows the end of the tar archive and is ignored; archives cannot be joined by writing one after the other",
        ));
    }
    loop {
        let chunk = gzip.chunk()?.len();
        if chunk == 0 {
            break;
        }
        gzip.consume(chunk);
    }
    if gzip.has_trailing_bytes() {
        survey.warning(Warning::new("gzip-trailing-data", "data that is not gzip follows the archive and is ignored"));
    }
    Ok(())
}
