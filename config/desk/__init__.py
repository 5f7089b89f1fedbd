"""What staff see of a customer across all apps. Only the composition root may read all of them."""
