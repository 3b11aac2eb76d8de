package anthropic_test

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/anthropic"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

func makeAnthropic(c model.Config) (model.Provider, error) {
	p, err := anthropic.New(anthropic.Config{Config: c})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func format() modeltest.Format {
	return modeltest.Format{
		Serve: modeltest.NewAnthropic, New: makeAnthropic, API: anthropic.API, Name: anthropic.DefaultName, Signs: true, Free: true,
	}
}

func TestConformance(t *testing.T) { modeltest.Run(t, format()) }

func FuzzStream(f *testing.F) { modeltest.Fuzz(f, format()) }

func BenchmarkStream(b *testing.B) { modeltest.Bench(b, format()) }
