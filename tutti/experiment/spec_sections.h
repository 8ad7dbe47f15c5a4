// The mappings of a spec, one function each. Only spec.cpp includes this.
#pragma once

#include "tutti/experiment/spec.h"
#include "tutti/experiment/yaml_map.h"

namespace tutti {

DataSpec read_data(const YAML::Node& node, const YamlSource& source);
FitSpec read_fit(const YAML::Node& node, const YamlSource& source);
// The top mapping's command, env and output.
ProgramSpec read_program(YamlMap& map);
EnsembleOptions read_ensemble(const YAML::Node& node, const YamlSource& source, bool& grow);
RunSpec read_run(const YAML::Node& node, const YamlSource& source);
// In spec_kubernetes.cpp.
KubernetesSpec read_kubernetes(const YAML::Node& node, const YamlSource& source);

struct MembersSection {
  std::vector<Axis> lists;
  std::vector<MemberRow> include, exclude;
};
MembersSection read_members(const YAML::Node& node, const YamlSource& source);

}  // namespace tutti
