//! The unsupported formats. To add one, add a row: its marks, and what its user should archive
//! instead.

use super::{
    Mark::{self, Bytes, Check, Json, Name, Pickle, Suffix, Text, TextWith, Xml, Zip},
    UnsupportedFormat,
    UnsupportedKind::{self, Companion, Model, Snapshot, Weights},
    checks,
};
use crate::framework::xgboost::save_xgboost;

const fn row(
    name: &'static str,
    kind: UnsupportedKind,
    marks: &'static [Mark],
    fix: &'static str,
) -> UnsupportedFormat {
    UnsupportedFormat { name, kind, marks, fix }
}

const BOOSTING: &str = concat!(
    "train the model with XGBoost, the only library for gradient boosting whose models SageMaker Neo compiles, and save \
     it with ",
    save_xgboost!()
);

const DEPLOY: &str = "deploy this model without compiling it: SageMaker Neo compiles only neural networks and XGBoost \
                      models";

const TOKENIZER: &str = "archive the model that uses it, as ONNX or TorchScript; the tokenizer itself is not compiled";

const WORD_VECTORS: &str = "archive the network that uses the word vectors: they are a table, which SageMaker Neo cannot \
                            compile";

const TRACE: &str = "load the weights into the model in Python, and save it as TorchScript: \
                     torch.jit.trace(model.eval(), example).save(\"model.pth\")";

const ARRAYS: &str = "archive the model itself, as its framework saves it: arrays are numbers without a model; if they \
                      are its weights, load them into it in Python and save it, for example as TorchScript: \
                      torch.jit.trace(model.eval(), example).save(\"model.pth\")";

const SAVED_MODEL: &str = "restore the checkpoint and export a SavedModel: tf.saved_model.save(model, \"export\"), then \
                           `tar -czf model.tar.gz -C export .`";

const SOURCE: &str = "archive the model from which this one was converted: its .onnx, .pth, .h5 or .tflite file, or its \
                      SavedModel";

const TO_ONNX: &str = "convert the model to ONNX and archive the .onnx file";

const BINARY_ONNX: &str = "convert it in Python: onnx.save(onnx.load(path, format=\"textproto\"), \"model.onnx\"), or with \
                           format=\"json\" if it is JSON";

/// Says that the archive is a snapshot of the Hugging Face Hub.
const HUGGING_FACE: &str = "export the model to ONNX: `optimum-cli export onnx --model <folder of the snapshot> onnx`, \
                            and archive onnx/model.onnx";

/// In order: the first row that matches counts.
pub(super) static UNSUPPORTED: &[UnsupportedFormat] = &[
    row(
        "a Core ML model",
        Model,
        &[Check(checks::is_core_ml), Suffix(".mlmodel"), Suffix("coremldata.bin")],
        "SageMaker Neo writes Core ML but does not read it: archive the model from which this one was converted",
    ),
    row("an ONNX Runtime model (.ort)", Model, &[Bytes(4, b"ORTM"), Suffix(".ort")], SOURCE),
    row(
        "an ExecuTorch program (.pte)",
        Model,
        &[Bytes(4, b"ET12"), Bytes(4, b"ET11"), Suffix(".pte")],
        "ExecuTorch programs cannot be compiled: save the model as TorchScript: \
         torch.jit.trace(model.eval(), example).save(\"model.pth\")",
    ),
    row(
        "an ONNX model as JSON",
        Model,
        &[Json(&["irVersion"]), Json(&["ir_version"]), Json(&["opsetImport"])],
        BINARY_ONNX,
    ),
    row("an ONNX model as text", Model, &[Text("ir_version:")], BINARY_ONNX),
    row(
        "an ONNX model in the text format of ONNX (.onnxtxt)",
        Model,
        &[Check(checks::is_onnx_text), Suffix(".onnxtxt")],
        "convert it in Python: onnx.save(onnx.load(path, format=\"onnxtxt\"), \"model.onnx\")",
    ),
    row(
        "a TensorFlow.js model",
        Model,
        &[
            Json(&["modelTopology"]),
            Json(&["format", "weightsManifest"]),
            // A long signature may come before the topology.
            Json(&["format", "generatedBy", "signature"]),
            // A manifest without the topology, which is then in the program.
            TextWith(&["[", "\"weights\"", "\"shape\"", "\"dtype\""]),
        ],
        "archive the Keras model (.h5) or the SavedModel from which it was converted; \
         `tensorflowjs_converter --input_format=tfjs_layers_model --output_format=keras model.json model.h5` converts \
         a layers model back",
    ),
    row(
        "the architecture of a Keras model, as model.to_json() writes it",
        Snapshot,
        &[Json(&["class_name", "config"])],
        "load the architecture with keras.models.model_from_json and its weights with model.load_weights, and save the \
         whole model: model.save(\"model.h5\") in Keras 2, or model.export(\"export\") in Keras 3",
    ),
    row(
        "the settings of a Hugging Face model (config.json)",
        Snapshot,
        &[Json(&["transformers_version"]), Json(&["architectures", "model_type"])],
        HUGGING_FACE,
    ),
    row("an OpenVINO model", Model, &[Xml("net"), Suffix(".blob")], SOURCE),
    row(
        "a model compiled by TVM or SageMaker Neo",
        Model,
        &[
            Bytes(0, b"\xb7\x9c\x04\x05\x4f\x8d\xe5\xf7"),
            Check(checks::is_tvm_graph),
            Suffix("libdlr.so"),
            Suffix("compiled.so"),
        ],
        "it is the result of a compilation: archive the model that was compiled",
    ),
    row(
        "a TensorRT engine",
        Model,
        &[Bytes(0, b"ptrt"), Bytes(0, b"ftrt"), Suffix(".engine"), Suffix(".plan")],
        SOURCE,
    ),
    row("a Qualcomm model (.dlc)", Model, &[Suffix(".dlc")], SOURCE),
    row("an RKNN model", Model, &[Bytes(0, b"RKNN"), Suffix(".rknn")], SOURCE),
    row("an MNN model", Model, &[Suffix(".mnn")], SOURCE),
    row("an ncnn model", Model, &[Text("7767517"), Bytes(0, b"\xdd\x85\x76\0"), Suffix(".param.bin")], SOURCE),
    row("a GGUF model", Model, &[Bytes(0, b"GGUF")], SOURCE),
    row("a GGML model", Model, &[Bytes(0, b"lmgg"), Bytes(0, b"tjgg"), Bytes(0, b"fmgg"), Bytes(0, b"algg")], SOURCE),
    row("a Caffe model", Model, &[Check(checks::is_caffe), Suffix(".caffemodel"), Suffix(".prototxt")], TO_ONNX),
    row(
        "a PaddlePaddle model",
        Model,
        &[Check(checks::is_paddle), Json(&["base_code", "magic"]), Suffix(".pdmodel"), Suffix(".pdiparams")],
        "convert it to ONNX with `paddle2onnx` and archive the .onnx file",
    ),
    row(
        "a file of PaddlePaddle weights",
        Weights,
        &[Suffix(".pdparams"), Suffix(".pdopt")],
        "load the weights into the model in Python and export it: paddle.onnx.export(model, \"model\", input_spec=…)",
    ),
    row(
        "a CNTK model",
        Model,
        &[Check(checks::is_cntk), Bytes(0, b"B\0C\0N\0")],
        "convert it in CNTK: model.save(\"model.onnx\", format=C.ModelFormat.ONNX), and archive the .onnx file",
    ),
    row(
        "a LightGBM model",
        Model,
        &[
            TextWith(&["tree\n", "version="]),
            TextWith(&["tree\r\n", "version="]),
            Json(&["num_tree_per_iteration", "max_feature_idx"]),
            Pickle("lightgbm"),
        ],
        BOOSTING,
    ),
    row(
        "a CatBoost model",
        Model,
        &[Bytes(0, b"CBM1"), Json(&["features_info"]), Pickle("catboost"), Suffix(".cbm")],
        BOOSTING,
    ),
    row(
        "a pickled XGBoost model",
        Model,
        &[Pickle("xgboost")],
        concat!("load it with pickle and save it with ", save_xgboost!()),
    ),
    row(
        "a dump of an XGBoost model, as text or JSON",
        Companion,
        &[TextWith(&["booster[0]:", "0:["]), TextWith(&["0:[", "yes="]), TextWith(&["[", "\"nodeid\""])],
        concat!("a dump cannot be loaded: save the model itself with ", save_xgboost!()),
    ),
    row("a SentencePiece tokenizer", Companion, &[Check(checks::is_sentence_piece)], TOKENIZER),
    row("a Hugging Face tokenizer", Companion, &[Json(&["added_tokens", "normalizer"])], TOKENIZER),
    row(
        "a safetensors file, which has weights only",
        Weights,
        &[Check(checks::is_safetensors), Suffix(".safetensors")],
        TRACE,
    ),
    row("a file of Flax weights", Weights, &[Suffix(".msgpack")], HUGGING_FACE),
    row("the list of a TensorFlow checkpoint", Weights, &[Text("model_checkpoint_path:")], SAVED_MODEL),
    row("the index of a TensorFlow checkpoint", Weights, &[Check(checks::is_checkpoint_index)], SAVED_MODEL),
    row("the graph of a TensorFlow checkpoint", Weights, &[Check(checks::is_meta_graph), Suffix(".meta")], SAVED_MODEL),
    row(
        "the data of a TensorFlow checkpoint",
        Weights,
        &[Name(checks::is_checkpoint_shard), Suffix(".ckpt")],
        SAVED_MODEL,
    ),
    row(
        "an Orbax checkpoint of JAX",
        Weights,
        &[Json(&["tree_metadata"]), Json(&["item_handlers"]), Suffix("manifest.ocdbt")],
        "restore it in Python and export a SavedModel with jax.experimental.jax2tf and tf.saved_model.save, then \
         `tar -czf model.tar.gz -C export .`",
    ),
    row(
        "a Triton configuration",
        Companion,
        &[
            TextWith(&["name:", "platform:"]),
            TextWith(&["name:", "backend:"]),
            TextWith(&["name:", "max_batch_size:"]),
            TextWith(&["platform:"]),
            TextWith(&["backend:"]),
            TextWith(&["max_batch_size:"]),
        ],
        "archive the model file of the repository alone, under the name that its framework uses: model.onnx, model.pth \
         (from model.pt), model.pb (from model.graphdef), or the content of model.savedmodel",
    ),
    row(
        "a pickled Keras or TensorFlow model",
        Model,
        &[Pickle("keras"), Pickle("tensorflow")],
        "load it with pickle and export a SavedModel: model.export(\"export\") in Keras 3, otherwise \
         tf.saved_model.save(model, \"export\"); then `tar -czf model.tar.gz -C export .`",
    ),
    row(
        "pickled data of pandas or NumPy",
        Companion,
        &[Pickle("pandas"), Pickle("numpy")],
        "archive the model itself: this is data, not a model",
    ),
    row("a gensim model", Model, &[Pickle("gensim")], WORD_VECTORS),
    row("a spaCy model", Model, &[Pickle("spacy"), Json(&["spacy_version"]), TextWith(&["[paths]", "[nlp]"])], DEPLOY),
    row("a file of word vectors (word2vec)", Model, &[Check(checks::is_word_vectors)], WORD_VECTORS),
    row("a fastText model", Model, &[Bytes(0, b"\xba\x16\x4f\x2f"), Suffix(".ftz")], WORD_VECTORS),
    row("a LIBSVM model", Model, &[Text("svm_type ")], DEPLOY),
    row("a LIBLINEAR model", Model, &[Text("solver_type ")], DEPLOY),
    row("a CRFsuite model", Model, &[Bytes(0, b"lCRF")], DEPLOY),
    row("a Vowpal Wabbit model", Model, &[Check(checks::is_vowpal_wabbit)], DEPLOY),
    row("an n-gram language model (ARPA)", Model, &[Text("\\data\\"), Suffix(".arpa")], DEPLOY),
    row("an n-gram language model (KenLM)", Model, &[Bytes(0, b"mmap lm http://kheafield.com/code")], DEPLOY),
    row("a Weka model or another Java object", Model, &[Bytes(0, b"\xac\xed\0\x05")], DEPLOY),
    row("a PMML model", Model, &[Xml("PMML")], DEPLOY),
    row("an OpenCV model", Model, &[Xml("opencv_storage"), Text("%YAML:1.0")], DEPLOY),
    row("an H2O model (MOJO)", Model, &[Zip("model.ini")], DEPLOY),
    row(
        "an R object",
        Model,
        &[Bytes(0, b"RDX2\n"), Bytes(0, b"RDX3\n"), Bytes(0, b"X\n\0\0\0"), Suffix(".rds"), Suffix(".rdata")],
        DEPLOY,
    ),
    row(
        "a TorchServe archive (.mar)",
        Model,
        &[Zip("MAR-INF/"), Suffix(".mar")],
        "extract it with `unzip` and archive the TorchScript file in it, called model.pth",
    ),
    row(
        "a scikit-learn model of skops",
        Model,
        &[Zip("schema.json"), Check(checks::is_skops), Suffix(".skops")],
        "load it with skops.io.load and save it with joblib.dump(model, \"model.joblib\")",
    ),
    row("a NumPy array", Weights, &[Bytes(0, b"\x93NUMPY")], ARRAYS),
    row(
        "NumPy arrays (.npz)",
        Weights,
        &[Zip(".npy")],
        "archive the model itself: if MXNet 2 wrote the arrays, save it with MXNet 1.x: net.export(\"model\"); otherwise \
         load them into the model in Python and save it as its framework does, for example as TorchScript: \
         torch.jit.trace(model.eval(), example).save(\"model.pth\")",
    ),
    row(
        "a MATLAB file",
        Model,
        &[Bytes(0, b"MATLAB ")],
        "export the network from MATLAB: exportONNXNetwork(net, \"model.onnx\")",
    ),
    row(
        "an HDF5 file after a user block",
        Model,
        &[Check(checks::is_hdf5_after_block)],
        "remove the user block: `h5unjam -i <file> -o model.h5`, or load and save the model again: \
         model.save(\"model.h5\")",
    ),
    row("a file of word vectors (GloVe)", Model, &[Check(checks::is_glove)], WORD_VECTORS),
    row("a Parquet file", Companion, &[Bytes(0, b"PAR1")], DEPLOY),
    row(
        "a TensorFlow Lite model as a C array",
        Companion,
        &[TextWith(&["const unsigned char"]), TextWith(&["unsigned char"]), TextWith(&["alignas("])],
        "archive the .tflite file from which `xxd -i` made it",
    ),
];
