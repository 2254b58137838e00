"""The six nodes, one file each, in running order.

retrieve_strategies -> weak_generate -> confidence_gate --accept--> END
                                             |
                                           defer
                                             v
                      strong_generate -> distill_strategy -> store -> END
"""
