package gemini_test

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/gemini"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

func makeGemini(c model.Config) (model.Provider, error) {
	p, err := gemini.New(gemini.Config{Config: c})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func format() modeltest.Format {
	return modeltest.Format{
		Serve: modeltest.NewGemini, New: makeGemini, API: gemini.API, Name: gemini.DefaultName, Signs: true, Free: false,
	}
}

func TestConformance(t *testing.T) { modeltest.Run(t, format()) }

func FuzzStream(f *testing.F) { modeltest.Fuzz(f, format()) }

func BenchmarkStream(b *testing.B) { modeltest.Bench(b, format()) }
