#include "stage.h"

#include <stdexcept>

namespace stage {
namespace {

// Returns the settings that ecgdigit-rt uses for FP32, so that the results are identical.
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
        throw std::invalid_argument("the graph does not have exactly one uint8 input");
    }
    for (const auto& output : model->outputs()) {
        if (output.get_element_type() != ov::element::f32) {
            throw std::invalid_argument("the graph has an output that is not float32");
        }
        names_.push_back(output.get_any_name());  // before compilation, which adds names
    }
    compiled_ = core.compile_model(model, "CPU", settings(threads));
    request_ = compiled_.create_infer_request();
}

std::vector<Output> Stage::run(const Images& images) {
    if (images.pixels.size() != ov::shape_size(images.shape) ||
        !compiled_.input().get_partial_shape().compatible(images.shape)) {
        throw std::invalid_argument("the images do not match the input shape of the graph: " +
                                    compiled_.input().get_partial_shape().to_string());
    }
    // OpenVINO has no const tensors, but it does not modify the input.
    request_.set_input_tensor(
        ov::Tensor(ov::element::u8, images.shape, const_cast<std::uint8_t*>(images.pixels.data())));
    request_.infer();
    std::vector<Output> outputs;
    for (std::size_t k = 0; k < names_.size(); ++k) {
        outputs.push_back({names_[k], request_.get_output_tensor(k)});
    }
    return outputs;
}

}  // namespace stage
