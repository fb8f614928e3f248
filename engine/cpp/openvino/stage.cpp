#include "stage.h"

#include <stdexcept>

namespace stage {
namespace {

// The same settings as ecgdigit-rt's own runner in FP32, so that results are the same.
ov::CompiledModel compiled(const std::filesystem::path& graph, int threads) {
    ov::Core core;
    ov::AnyMap settings{ov::hint::inference_precision(ov::element::f32), ov::num_streams(1)};
    if (threads > 0) settings.insert(ov::inference_num_threads(threads));
    return core.compile_model(core.read_model(graph.string()), "CPU", settings);
}

}  // namespace

Stage::Stage(const std::filesystem::path& graph, int threads) : compiled_(compiled(graph, threads)) {
    if (compiled_.inputs().size() != 1 || compiled_.input().get_element_type() != ov::element::u8) {
        throw std::invalid_argument("the graph takes something else than one tensor of bytes");
    }
    for (const auto& output : compiled_.outputs()) {
        if (output.get_element_type() != ov::element::f32) {
            throw std::invalid_argument("the graph gives something else than float32");
        }
    }
    request_ = compiled_.create_infer_request();
}

std::vector<Output> Stage::run(const Pictures& pictures) {
    if (pictures.pixels.size() != ov::shape_size(pictures.shape) ||
        !compiled_.input().get_partial_shape().compatible(pictures.shape)) {
        throw std::invalid_argument("the graph takes " + compiled_.input().get_partial_shape().to_string());
    }
    // OpenVINO's tensors are not const; an input is only read.
    request_.set_input_tensor(
        ov::Tensor(ov::element::u8, pictures.shape, const_cast<std::uint8_t*>(pictures.pixels.data())));
    request_.infer();
    std::vector<Output> outputs;
    for (const auto& port : compiled_.outputs()) {
        outputs.push_back({port.get_any_name(), request_.get_tensor(port)});
    }
    return outputs;
}

}  // namespace stage
