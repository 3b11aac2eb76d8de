package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/openclaw-go/openclaw/internal/app"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/policy"
	"github.com/openclaw-go/openclaw/internal/sandbox"
)

// measured asks the running gateway; why says what kept it from answering.
func (e *env) measured(running bool) (m *gateway.Measured, why string) {
	if !running {
		return nil, "no gateway runs"
	}
	m = &gateway.Measured{}
	if err := e.withGateway(func(ctx context.Context, c *client) error { return c.call(ctx, "doctor.measured", nil, m) }); err != nil {
		return nil, err.Error()
	}
	return m, ""
}

// diagnoseLabels looks at the record of where files come from.
func diagnoseLabels(p configfile.Paths, m *gateway.Measured, running bool, why string) diagnosis {
	n := 0
	switch {
	case m != nil:
		n = m.LabelsDamaged
	case running:
		return diagnosis{What: "labels", State: stateUnmeasured, Detail: why}
	default:
		var err error
		if n, err = app.DamagedLabels(p); err != nil {
			return diagnosis{What: "labels", State: stateUnmeasured, Detail: err.Error()}
		}
	}
	if n > 0 {
		return diagnosis{What: "labels", State: stateFail, Detail: fmt.Sprintf("%d line(s) of labels.jsonl cannot be read; files without a record count as untrusted and private", n),
			Fix: "stop the gateway, look at labels.jsonl in the home, remove what was damaged"}
	}
	return diagnosis{What: "labels", State: statePass, Detail: "it is known where files come from"}
}

// diagnoseSecrets says whether every live secret can be masked in what is
// written.
func diagnoseSecrets(m *gateway.Measured, why string) diagnosis {
	switch {
	case m == nil:
		return diagnosis{What: "redaction", State: stateUnmeasured, Detail: "live secrets are known to a running gateway only: " + why}
	case m.WeakSecrets > 0:
		return diagnosis{What: "redaction", State: stateFail, Detail: fmt.Sprintf("%d live secret(s) are too short or too uniform to be masked by value", m.WeakSecrets),
			Fix: "give them more characters: openclaw gateway token --rotate, and at the provider"}
	}
	return diagnosis{What: "redaction", State: statePass, Detail: "every live secret is masked by value"}
}

// diagnoseLevel says which confinement is in force, and whether this machine
// holds it.
func (e *env) diagnoseLevel(p configfile.Paths, m *gateway.Measured, s *sandbox.Support) diagnosis {
	d := diagnosis{What: "level", State: statePass}
	var levels []app.LevelOf
	if m != nil {
		for _, l := range m.Levels {
			level, ok := policy.ParseLevel(l.Level)
			if !ok {
				return diagnosis{What: "level", State: stateUnmeasured, Detail: fmt.Sprintf("the gateway names a level %q", l.Level)}
			}
			levels = append(levels, app.LevelOf{Agent: l.Agent, Level: level})
		}
	} else {
		l, err := configfile.Load(p, configfile.Options{Env: e.lookup})
		if err != nil {
			return diagnosis{What: "level", State: stateUnmeasured, Detail: err.Error()}
		}
		levels = app.LevelsOf(p, l.Config)
	}
	if s == nil {
		return diagnosis{What: "level", State: stateUnmeasured, Detail: "the sandbox was not measured"}
	}
	var words []string
	for _, l := range levels {
		words = append(words, fmt.Sprintf("%s %s", l.Agent, l.Level))
		if !s.Supports(l.Level) {
			d.State, d.Fix = stateFail, "openclaw sandbox test says what is missing; until then commands of this agent are refused"
		}
	}
	if d.Detail = strings.Join(words, ", "); d.Detail == "" {
		d.Detail = "no agent may run commands"
	}
	return d
}

// diagnoseStage says what starts runs.
func diagnoseStage(s *sandbox.Support) diagnosis {
	switch {
	case s == nil:
		return diagnosis{What: "launcher", State: stateUnmeasured, Detail: "the sandbox was not measured"}
	case s.Stage == "embedded":
		return diagnosis{What: "launcher", State: statePass, Detail: "runs start from the embedded stage"}
	case s.Stage == "":
		return diagnosis{What: "launcher", State: stateUnmeasured, Detail: "this platform has none"}
	}
	return diagnosis{What: "launcher", State: stateLimited, Detail: "a plain build: runs start by executing this program again, which holds as much and is slower", Fix: "make build embeds the stage"}
}
