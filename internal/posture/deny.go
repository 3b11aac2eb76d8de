package posture

import (
	"path"
	"strings"

	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// denied turns one entry of denyPaths into what is closed. A name without a
// root closes that name wherever it stands; where the entry leads through a
// link, what it leads to is closed as well, since that is the name by which a
// file is judged.
func (b *builder) denied(v config.Value[string]) []policy.PathPattern {
	pat := v.V
	if pat == "" {
		return nil
	}
	switch {
	case strings.HasPrefix(pat, "/"), pat == "~", strings.HasPrefix(pat, "~/"), pat == "**", strings.HasPrefix(pat, "**/"):
	default:
		pat = "**/" + strings.TrimPrefix(pat, "./")
	}
	pat = path.Clean(pat)
	out := []policy.PathPattern{{Pattern: pat, Where: v.Ref}}
	if abs := b.expand(pat); path.IsAbs(abs) {
		fixed, rest := abs, ""
		if at := strings.IndexByte(abs, '*'); at >= 0 {
			cut := strings.LastIndexByte(abs[:at], '/')
			fixed, rest = abs[:cut], abs[cut:]
		}
		if real := b.w.Resolve(fixed); fixed != "" && real != fixed && path.IsAbs(real) {
			out = append(out, policy.PathPattern{Pattern: strings.TrimSuffix(real, "/") + rest, Where: v.Ref})
		}
	}
	return out
}
