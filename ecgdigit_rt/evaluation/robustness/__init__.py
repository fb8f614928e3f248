"""How accuracy falls as pages get worse: known degradations, level by level."""
