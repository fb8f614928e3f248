#include "stage.h"

#include <stdexcept>

namespace stage {
namespace {

// The same settings as ecgdigit-rt's own runner in FP32, so that results are the same.
ov::AnyMap settings(int threads) {
    ov::AnyMap settings{ov::hint::inference_precision(ov::element::f32), ov::num_streams(1)};
    if (threads > 0) settings.insert(ov::inference_num_threads(threads));
    return settings;
}

}  // namespace

Stage::Stage(const std::filesystem::path& graph, int threads) {
    ov::Core core;
    const auto model = core.read_model(graph.string());
    if (model->inputs().size() != 1 || model->input().get_element_type() != ov::element::u8) {
        throw std::invalid_argument("the graph takes something else than one tensor of bytes");
    }
    for (const auto& output : model->outputs()) {
        if (output.get_element_type() != ov::element::f32) {
            throw std::invalid_argument("the graph gives something else than float32");
        }
        names_.push_back(output.get_any_name());  // now, since compiling adds names
    }
    compiled_ = core.compile_model(model, "CPU", settings(threads));
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
    for (std::size_t place = 0; place < names_.size(); ++place) {
        outputs.push_back({names_[place], request_.get_output_tensor(place)});
    }
    return outputs;
}

}  // namespace stage
