//go:build linux && openclaw_stage

package linux

import _ "embed"

//go:embed stage/bin/stage-arm64
var embedded []byte
