package app

import (
	"context"
	"log/slog"

	"github.com/openclaw-go/openclaw/internal/agent"
	"github.com/openclaw-go/openclaw/internal/gate"
)

// logTurn has the log tell of turns and calls by the ids under which the
// journal has them: run, session, agent, call.
func (a *App) logTurn(e agent.Event) {
	ctx := context.Background()
	level, message := slog.LevelInfo, ""
	attrs := []slog.Attr{slog.String("run", string(e.Run)), slog.String("session", string(e.Session)), slog.String("agent", string(e.Agent))}
	switch e.Kind {
	case agent.KindFinal:
		message = "turn ended"
		attrs = append(attrs, slog.String("model", string(e.Model)))
	case agent.KindAborted:
		message = "turn stopped"
	case agent.KindError:
		level, message = slog.LevelWarn, "turn failed"
		attrs = append(attrs, slog.String("kind", e.ErrorKind), slog.String("error", e.Text))
	case agent.KindOutcome:
		if e.Outcome == nil {
			return
		}
		level, message = slog.LevelDebug, "call"
		if e.Outcome.Status == gate.Refused {
			level = slog.LevelInfo
		}
		attrs = append(attrs, slog.String("call", string(e.Call.ID)), slog.String("tool", string(e.Call.Tool)), slog.String("status", string(e.Outcome.Status)), slog.String("rule", string(e.Outcome.Decision.Rule)))
	case agent.KindStart, agent.KindDelta, agent.KindCall, agent.KindLabel, agent.KindShorten, agent.KindShorter:
		return
	}
	if a.log.Enabled(ctx, level) {
		a.log.LogAttrs(ctx, level, message, attrs...)
	}
}
