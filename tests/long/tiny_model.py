"""A language model of a few hundred kilobytes with random weights: it has nothing to say, but says it as any other."""

import sys

import gguf
import numpy

SIZE, HEADS, LAYERS, INNER, CONTEXT = 64, 4, 2, 128, 512
# What the tokenizer of Llama needs: the unknown, begin and end tokens, and one token for each byte.
SPECIAL = ["<unk>", "<s>", "</s>"]


def main(path: str) -> None:
    random = numpy.random.default_rng(7)
    tokens = SPECIAL + [f"<0x{byte:02X}>" for byte in range(256)] + ["\u2581"] + [chr(c) for c in range(97, 123)]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(SIZE)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_rope_dimension_count(SIZE // HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(at) for at in range(len(tokens))])
    kinds = [gguf.TokenType.UNKNOWN, gguf.TokenType.CONTROL, gguf.TokenType.CONTROL]
    kinds += [gguf.TokenType.BYTE] * 256 + [gguf.TokenType.NORMAL] * 27
    writer.add_token_types(kinds)
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)

    def matrix(name: str, *shape: int) -> None:
        writer.add_tensor(name, random.normal(0, 0.3, shape).astype(numpy.float32))

    # Letters only: half a character, or the end after the first word, would show nothing.
    output = numpy.zeros((len(tokens), SIZE), dtype=numpy.float32)
    output[-26:] = random.normal(0, 1, (26, SIZE))

    def ones(name: str) -> None:
        writer.add_tensor(name, numpy.ones(SIZE, dtype=numpy.float32))

    matrix("token_embd.weight", len(tokens), SIZE)
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        ones(f"{block}.attn_norm.weight")
        ones(f"{block}.ffn_norm.weight")
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            matrix(f"{block}.{part}.weight", SIZE, SIZE)
        matrix(f"{block}.ffn_gate.weight", INNER, SIZE)
        matrix(f"{block}.ffn_up.weight", INNER, SIZE)
        matrix(f"{block}.ffn_down.weight", SIZE, INNER)
    ones("output_norm.weight")
    writer.add_tensor("output.weight", output)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(sys.argv[1])
