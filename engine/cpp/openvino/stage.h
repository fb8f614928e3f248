// Execution of one network of ecgdigit-rt in this process, with OpenVINO.
#pragma once

#include <cstdint>
#include <filesystem>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

namespace stage {

// Input of the networks: RGB bytes of shape (batch, height, width, 3).
struct Images {
    ov::Shape shape;
    std::vector<std::uint8_t> pixels;
};

struct Output {
    std::string name;
    ov::Tensor values;  // float32
};

// A graph that is compiled for the CPU in float32. Not thread-safe: create one stage per thread. Errors of
// OpenVINO are thrown as ov::Exception.
class Stage {
  public:
    // `threads` is the number of CPU threads, or 0 for OpenVINO's default. Throws std::invalid_argument if
    // the graph does not have exactly one uint8 input and float32 outputs.
    Stage(const std::filesystem::path& graph, int threads);

    // Returns the outputs, whose values are valid until the next call. Throws std::invalid_argument if the
    // images do not match the input shape of the graph.
    std::vector<Output> run(const Images& images);

  private:
    std::vector<std::string> names_;
    ov::CompiledModel compiled_;
    ov::InferRequest request_;
};

}  // namespace stage
