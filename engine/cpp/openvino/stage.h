// One network of ecgdigit-rt in this process, by OpenVINO.
#pragma once

#include <cstdint>
#include <filesystem>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

namespace stage {

// Pixels as the networks take them: batch, height, width, 3; RGB bytes.
struct Pictures {
    ov::Shape shape;
    std::vector<std::uint8_t> pixels;
};

struct Output {
    std::string name;
    ov::Tensor values;  // float32
};

// A graph, compiled for the CPU in float32. Give each thread a stage of its own. What OpenVINO refuses it
// throws as ov::Exception.
class Stage {
  public:
    // threads: 0 takes as many as OpenVINO thinks right.
    Stage(const std::filesystem::path& graph, int threads);

    // Throws std::invalid_argument where the graph takes no pictures of that shape. The values stay valid
    // until the next call.
    std::vector<Output> run(const Pictures& pictures);

  private:
    std::vector<std::string> names_;
    ov::CompiledModel compiled_;
    ov::InferRequest request_;
};

}  // namespace stage
