//go:build linux && openclaw_stage

package linux

import _ "embed"

//go:embed stage/bin/stage-amd64
var embedded []byte
